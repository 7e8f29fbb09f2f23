// "Explain this mask": what the measurements say about the mask as it is drawn now.
export class Explaining {
  // desk: the correction, with its session, result, server and panel.
  constructor(desk) {
    Object.assign(this, { desk, ticket: 0, told: null });
  }

  async ask() {
    const { desk } = this;
    const { mask } = desk.session.state;
    const ticket = ++this.ticket;
    if (!mask.area) return this.show(desk.words.explain_empty);
    this.show(desk.words.explaining);
    const answer = await desk.server.explain?.(desk.result.case_id, mask.toRle());
    if (ticket !== this.ticket) return undefined; // asked again, or another picture
    if (answer?.text) this.told = { mask, text: answer.text };
    else this.told = null;
    return this.show(answer?.text ?? answer?.error ?? desk.words.no_explain);
  }

  show(text) {
    const { about_yours: head } = this.desk.words;
    this.desk.panel.showNote({ head, text });
  }

  // The mask has changed since: the note is about an earlier one, and says so.
  markOld() {
    const { desk, told } = this;
    if (!told) return;
    const isOld = told.mask !== desk.session.state.mask;
    desk.panel.showNote({ head: desk.words[isOld ? "about_earlier" : "about_yours"], text: told.text });
  }

  forget() {
    this.ticket += 1;
    this.told = null;
  }
}
