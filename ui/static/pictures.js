// The files that drafts belong to, kept in this browser if they are small enough.
const BASE = "fakeshield";
const STORE = "pictures";
const MOST_BYTES = 6 * 1024 * 1024;

export async function keepPicture(digest, file) {
  if (file.size <= MOST_BYTES) await used("readwrite", (store) => store.put(file, digest));
}

export function keptPicture(digest) {
  return used("readonly", (store) => store.get(digest));
}

// Forgets every file whose digest is not in the list.
export async function forgetPictures(digests) {
  const kept = (await used("readonly", (store) => store.getAllKeys())) ?? [];
  for (const key of kept) if (!digests.includes(key)) await used("readwrite", (store) => store.delete(key));
}

// The answer; undefined where the browser keeps nothing.
async function used(mode, ask) {
  try {
    const base = await opened();
    const answer = await settled(ask(base.transaction(STORE, mode).objectStore(STORE)));
    base.close();
    return answer;
  } catch (error) {
    console.info("pictures are not kept:", error.name);
    return undefined;
  }
}

function opened() {
  const opening = indexedDB.open(BASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return settled(opening);
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
