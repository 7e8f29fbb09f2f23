// The form beside the picture: verdict, mask in numbers, ratings, how one knows, what may be kept.
import { fill, share } from "./words.js";

const RATINGS = ["right", "wrong_place", "not_there", "cannot_tell"];
const CONSENTS = ["store", "train", "publish"];

export class Panel {
  // act: { changed(name), save(), discard(), explain(), revert(), clear(), retry() }
  constructor(form, words, act) {
    Object.assign(this, { form, words, act, claims: [] });
    this.find = (selector) => form.querySelector(selector);
    form.addEventListener("change", (event) => this.onChange(event.target));
    form.addEventListener("input", (event) => { if (event.target.name === "words") this.onChange(event.target); });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      act.save();
    });
    for (const [button, does] of [[".discard", "discard"], [".explain", "explain"], [".revert", "revert"], [".clear", "clear"], [".now", "retry"]]) {
      this.find(button).addEventListener("click", () => act[does]());
    }
  }

  // claims: [{id, text, region}] of the result.
  open(claims, values) {
    this.claims = claims;
    this.find(".claims").replaceChildren(...claims.map((claim, i) => this.claimOf(claim, i)));
    this.form.reset();
    for (const details of this.form.querySelectorAll("details")) details.open = false;
    this.write(values);
    this.tell(null);
    this.showNote(null);
    this.refresh();
  }

  // The values as they are kept and sent: { verdict, overall, how, words, consent, ratings }.
  read() {
    const data = new FormData(this.form);
    const ratings = this.claims.map(({ id }, i) => ({ claim_id: id, rating: data.get(`claim-${i}`) })).filter(({ rating }) => rating);
    return {
      verdict: data.get("verdict"), overall: data.get("overall") ? Number(data.get("overall")) : null, how: data.get("how"),
      words: data.get("words").trim() || null, ratings,
      consent: Object.fromEntries(CONSENTS.map((name) => [name, data.has(name)])),
    };
  }

  write({ verdict, overall, how, words, consent = {}, ratings = [] }) {
    const check = (name, value) => {
      const field = [...this.form.querySelectorAll(`[name="${name}"]`)].find((input) => input.value === String(value));
      if (field) field.checked = true;
    };
    check("verdict", verdict);
    check("overall", overall);
    check("how", how);
    this.find('[name="words"]').value = words ?? "";
    for (const name of CONSENTS) this.find(`[name="${name}"]`).checked = Boolean(consent[name]);
    for (const { claim_id: id, rating } of ratings) check(`claim-${this.claims.findIndex((claim) => claim.id === id)}`, rating);
  }

  onChange({ name, checked }) {
    if (name === "store" && !checked) for (const other of ["train", "publish"]) this.find(`[name="${other}"]`).checked = false;
    if ((name === "train" || name === "publish") && checked) this.find('[name="store"]').checked = true;
    this.tell(null);
    this.refresh();
    this.act.changed(name);
  }

  refresh() {
    const { how, consent, ratings, words } = this.read();
    const ticks = CONSENTS.filter((name) => consent[name]);
    this.choose(".how", how ? this.labelOf("how", how) : this.words.know_none, !how);
    this.choose(".consent", ticks.map((name) => this.words[`may_${name}`]).join(this.words.comma) || this.words.consent_none, !ticks.length);
    this.choose(".words", words ? this.words.rewrite_some : this.words.rewrite_none, !words);
    this.find(".rated").textContent = this.claims.length ? fill(this.words.claims_rated, { n: ratings.length, all: this.claims.length }) : "";
    this.find(".what-is-kept").hidden = consent.store;
    this.nameSave(this.words[consent.store ? "save_correction" : "save_ratings"]);
  }

  choose(section, text, isNone) {
    const chosen = this.find(`details${section} .chosen`);
    chosen.textContent = text;
    chosen.classList.toggle("cap", isNone);
  }

  labelOf(name, value) {
    return this.find(`[name="${name}"][value="${value}"]`).nextElementSibling.textContent;
  }

  showMask(engine, session) {
    const { offer } = session;
    this.find(".of-engine").textContent = fill(this.words.mask_engine, { share: share(engine.share) });
    this.find(".of-you").textContent = fill(this.words.mask_yours, { share: share(session.state.mask.share) });
    this.find(".of-offer").textContent = offer ? `${offer.adds ? "+" : "−"}\u00a0${share(offer.area.share)}` : "";
  }

  // What the measurements say about the person's mask; null: nothing yet.
  showNote(note) {
    const told = this.find(".mask-line .told");
    told.hidden = !note;
    told.querySelector("h3").textContent = note?.head ?? "";
    told.querySelector("p").textContent = note?.text ?? "";
  }

  keeps(isKept) {
    this.find(".kept").textContent = this.words[isKept ? "autosaved" : "not_kept"];
  }

  // Why it is not saved, and whether trying again now is offered; null: nothing is wrong.
  tell(text, canRetry = false) {
    const problem = this.find(".problem");
    problem.hidden = !text;
    const line = problem.querySelector("span");
    if (line.textContent !== (text ?? "")) line.textContent = text ?? "";
    this.find(".now").hidden = !canRetry;
  }

  ask(section) {
    const details = this.find(`details${section}`);
    details.open = true;
    details.querySelector("input").focus();
  }

  // While it is being sent only trying again and discarding are left.
  busy(isBusy) {
    for (const part of this.form.children) part.inert = isBusy && !part.classList.contains("savebar");
    for (const button of document.querySelectorAll(".fix .save, .thumb .save")) button.disabled = isBusy;
    if (isBusy) this.nameSave(this.words.saving);
    else this.refresh();
  }

  nameSave(words) {
    for (const button of document.querySelectorAll(".fix .save, .thumb .save")) button.textContent = words;
  }

  claimOf({ text, region }, i) {
    const item = document.createElement("li");
    item.className = "claim";
    if (region) item.dataset.region = region;
    const badge = Object.assign(document.createElement("span"), { className: region ? "badge" : "badge none", textContent: region ?? "–" });
    const line = Object.assign(document.createElement("p"), { textContent: text });
    const rate = document.createElement("div");
    rate.className = "rate";
    rate.setAttribute("role", "radiogroup");
    rate.setAttribute("aria-label", `${fill(this.words.rate_claim, { n: i + 1 })}: ${text}`);
    rate.append(...RATINGS.map((value) => radioOf(`claim-${i}`, value, this.words[`claim_${value}`])));
    item.append(badge, line, rate);
    return item;
  }
}

function radioOf(name, value, words) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name, value });
  label.append(input, Object.assign(document.createElement("span"), { textContent: words }));
  return label;
}
