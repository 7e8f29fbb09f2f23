// Sends a correction until the server has answered: later and later, at once when the connection returns.
const FIRST_S = 2;
const MOST_S = 60;

export class Saver {
  // send: (request) => answer, undefined where the server did not; tell: { waits(seconds), refused(why),
  // done(answer, request), late(answer, request) } late: of what was discarded meanwhile.
  constructor(send, tell) {
    Object.assign(this, { send, tell, request: null, discarded: new WeakSet(), trial: 0 });
    window.addEventListener("online", () => this.now());
  }

  get isBusy() {
    return this.request !== null;
  }

  start(request) {
    this.stop();
    this.request = request;
    this.pause = FIRST_S;
    return this.attempt();
  }

  stop() {
    clearTimeout(this.timer);
    this.request = null;
    this.trial += 1; // an answer that is still on its way belongs to nobody
  }

  // What was being sent, which may be saved by now; null: nothing was.
  discard() {
    const { request } = this;
    if (request) this.discarded.add(request);
    this.stop();
    return request;
  }

  now() {
    if (this.request) this.attempt();
  }

  async attempt() {
    clearTimeout(this.timer);
    const trial = ++this.trial;
    const { request } = this;
    const answer = await this.send(request);
    if (trial !== this.trial) {
      if (answer?.receipt && this.discarded.has(request)) this.tell.late(answer, request);
      return;
    }
    if (answer?.receipt) {
      this.request = null;
      this.tell.done(answer, request);
    } else if (answer?.error && answer.reason !== "later") {
      this.request = null;
      this.tell.refused(answer.error);
    } else this.wait();
  }

  wait() {
    this.tell.waits(this.pause);
    this.timer = setTimeout(() => this.attempt(), this.pause * 1000);
    this.pause = Math.min(MOST_S, this.pause * 2);
  }
}
