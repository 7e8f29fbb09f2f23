// Light or dark: the system's wish until the visitor chooses, then their choice, kept in this browser.
const KEY = "fakeshield-theme";

export function switchTheme() {
  const kept = remembered();
  if (kept) document.body.classList.toggle("dark", kept === "dark");
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    const dark = document.body.classList.toggle("dark");
    remember(dark ? "dark" : "light");
  });
}

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch (error) { // storage is closed in some embedded frames
    console.info("theme is not remembered", error.name);
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch (error) {
    console.info("theme is not remembered", error.name);
  }
}
