// The offer on the first screen to go on with a draft.
import { keptPicture } from "./pictures.js";
import { fill, locale } from "./words.js";

export class Resume {
  // act: { example(id), case(id, name), file(file) } open the picture again
  constructor(words, drafts, act) {
    Object.assign(this, { words, drafts, act, draft: null, card: null, wanted: null });
    appeared(".resume").then((card) => this.attach(card));
  }

  attach(card) {
    this.card = card;
    card.querySelector(".go").addEventListener("click", () => this.open());
    card.querySelector(".forget").addEventListener("click", () => {
      this.drafts.forget(this.draft.picture);
      this.drafts.forgetPictures();
      this.offer();
    });
    this.offer();
  }

  // Shown whenever the first screen is.
  show() {
    this.wanted = null;
    this.offer();
  }

  offer() {
    if (!this.card) return;
    this.draft = this.drafts.newest();
    this.card.hidden = !this.draft;
    if (!this.draft) return;
    const when = new Date(this.draft.at).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
    this.say(fill(this.words.resume_line, { name: this.draft.name, when }));
  }

  say(text) {
    this.card.querySelector(".line").textContent = text;
  }

  open() {
    const { draft } = this;
    if (draft.example) this.act.example(draft.example);
    else this.act.case(draft.case_id, draft.name);
    this.wanted = draft;
  }

  // The draft if this finished result is of its picture and somebody asked to go on.
  takeFor(update) {
    const { wanted } = this;
    this.wanted = null;
    return wanted?.picture === update.sha256 ? wanted : null;
  }

  // The server has the picture no more: the copy in this browser is sent again, or the person is asked for it.
  async refused(draft) {
    const file = await keptPicture(draft.picture);
    if (!file) return this.say(fill(this.words.resume_gone, { name: draft.name }));
    this.act.file(file);
    this.wanted = draft;
    return undefined;
  }

  // The draft of a picture that is being opened, if there is one, is gone on with.
  expect(picture) {
    this.wanted = this.drafts.get(picture);
  }
}

function appeared(selector) {
  return new Promise((resolve) => {
    const look = () => {
      const found = document.querySelector(selector);
      if (found) {
        observer.disconnect();
        resolve(found);
      }
    };
    const observer = new MutationObserver(look);
    observer.observe(document.body, { childList: true, subtree: true });
    look();
  });
}
