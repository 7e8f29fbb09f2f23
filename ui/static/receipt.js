// The receipt: the code, what was saved, and the ways on from there.
import { receiptAddress } from "./discarded.js";
import { fill, locale, share } from "./words.js";

const COPIED_MS = 4000;

export class Receipt {
  // act: { again(), redo() }
  constructor(card, words, act) {
    Object.assign(this, { card, words });
    this.find = (selector) => card.querySelector(selector);
    this.find(".again").addEventListener("click", () => act.again());
    this.find(".redo").addEventListener("click", () => act.redo());
    this.find(".copy").addEventListener("click", () => this.copy());
  }

  show({ receipt }, request, { engine, mask, claims, know }) {
    const { correction } = request;
    const { consent } = correction;
    this.find(".code b").textContent = receipt;
    this.find(".copied").textContent = "";
    this.find(".at").textContent = new Date().toLocaleTimeString(locale());
    this.card.dataset.kept = consent.store; // ratings alone are neither reviewed nor released
    this.find(".follow").href = receiptAddress(receipt);
    const kept = correction.mask_rle ? `${share(engine.share)} → ${share(mask.share)}` : this.words.got_mask_none;
    this.put("mask", consent.store ? kept : this.words.got_mask_unkept);
    this.put("rated", claims ? fill(this.words.claims_rated, { n: correction.claim_ratings.length, all: claims }) : this.words.got_unrated);
    this.put("overall", correction.overall_rating ? fill(this.words.got_overall_of, { n: correction.overall_rating }) : this.words.got_unrated);
    this.put("know", consent.store ? know : this.words.got_mask_unkept);
    const may = ["store", "train", "publish"].filter((name) => consent[name]).map((name) => this.words[`may_${name}`]);
    this.put("may", may.join(this.words.comma) || this.words.may_nothing);
    this.card.focus({ preventScroll: true });
  }

  put(name, text) {
    this.find(`.got-${name}`).textContent = text;
  }

  async copy() {
    const code = this.find(".code b");
    try {
      await navigator.clipboard.writeText(code.textContent);
      this.find(".copied").textContent = this.words.copied;
      setTimeout(() => { this.find(".copied").textContent = ""; }, COPIED_MS);
    } catch (error) { // pages without https may not copy: select it instead
      console.info("not copied:", error.name);
      getSelection().selectAllChildren(code);
    }
  }
}
