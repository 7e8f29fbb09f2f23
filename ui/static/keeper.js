// Keeps the draft in this browser while it changes, and the picture beside it.
import { keepPicture, keptPicture } from "./pictures.js";

const PAUSE_MS = 300;

export class Keeper {
  // draft: gives what is to be kept, null where nothing is; tell: whether the browser kept it.
  constructor(drafts, draft, tell) {
    Object.assign(this, { drafts, draft, tell });
    window.addEventListener("pagehide", () => this.now());
  }

  soon() {
    this.timer ??= setTimeout(() => this.now(), PAUSE_MS);
  }

  now() {
    this.rest();
    const draft = this.draft();
    if (draft) this.tell(this.drafts.put(draft));
  }

  rest() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  keepFile(digest, file) {
    if (file) keepPicture(digest, file);
  }

  // The picture as it was kept beside the draft; undefined where it was not.
  async forget(digest) {
    this.rest();
    this.drafts.forget(digest);
    const file = await keptPicture(digest);
    await this.drafts.forgetPictures();
    return file;
  }
}
