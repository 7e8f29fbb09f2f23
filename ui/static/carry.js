// The answer on the screen goes along to the page in another language.
const NAME = "fakeshield-carried";

// current: what opens the answer again, null where there is none.
export function carryAlong(current) {
  document.addEventListener("click", (event) => {
    const isElsewhere = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (event.target.closest("a[hreflang]") && !isElsewhere) inStorage((storage) => storage.setItem(NAME, JSON.stringify(current())));
  });
}

// What came along, once; null: nothing did.
export function takeCarried() {
  return inStorage((storage) => {
    const carried = JSON.parse(storage.getItem(NAME));
    storage.removeItem(NAME);
    return carried;
  });
}

function inStorage(act) {
  try {
    return act(window.sessionStorage) ?? null;
  } catch (error) { // a browser may allow none, or have no room
    console.info("nothing is carried along:", error.name);
    return null;
  }
}
