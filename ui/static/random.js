// Random names. crypto.randomUUID is missing on pages without https.
const CONTRIBUTOR = "fakeshield-contributor";

export function randomUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

// A name of this browser, so that no one person outweighs the rest of a release; null where none can be kept.
export function contributor() {
  try {
    const known = localStorage.getItem(CONTRIBUTOR);
    if (/^browser-[0-9a-f]{12}$/.test(known)) return known;
    const name = `browser-${randomUuid().slice(-12)}`;
    localStorage.setItem(CONTRIBUTOR, name);
    return name;
  } catch (error) {
    console.info("corrections stay without a name:", error.name);
    return null;
  }
}
