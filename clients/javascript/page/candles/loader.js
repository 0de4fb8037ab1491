// Asks for what is in sight and not known: a few questions at a time, and none for what is out of
// sight again before its turn.

/** Questions without an answer, of all topics. */
const MAX_IN_FLIGHT = 3;
/** After a refusal, or without an answer, the same is asked again this much later. */
const REFUSED_S = 5;
const UNANSWERED_S = 1;

export class PastLoader {
  #ask;
  #changed;
  /** The series that an answer is awaited for, each with a token of its question. */
  #inFlight = new Map();

  /**
   * @param {(client: object, topic: string, interval_s: number, question: object) =>
   * Promise<object>} ask as in `ask.js`
   * @param {() => void} changed an answer came
   */
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** Another client, or another epoch: no answer of before counts. */
  clear() {
    this.#inFlight.clear();
  }

  /**
   * Asks the questions of what is in sight now, as far as the number in flight allows it. What was
   * wanted before and is not any more is not asked.
   *
   * @param {object} client
   * @param {{ past: object, question: object }[]} wanted the most urgent ones first
   */
  want(client, wanted, now_s) {
    for (const { past, question } of wanted) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) return;
      const { series } = question;
      if (this.#inFlight.has(series) || past.quietUntil_s > now_s) continue;
      this.#start(client, past, { ...question, asked_s: now_s });
    }
  }

  async #start(client, past, question) {
    const { series } = question;
    const token = Symbol('question');
    this.#inFlight.set(series, token);
    const isCurrent = () => this.#inFlight.get(series) === token;
    try {
      const answer = await this.#ask(client, past.topic, series.interval_s, question);
      if (!isCurrent()) return;
      series.take(question, answer);
      past.note = answer.note;
    } catch (error) {
      if (!isCurrent()) return;
      const isRefused = error.code !== undefined;
      past.quietUntil_s = question.asked_s + (isRefused ? REFUSED_S : UNANSWERED_S);
      if (isRefused) past.note = `the server refuses candles: ${error.message}`;
    }
    this.#inFlight.delete(series);
    this.#changed();
  }
}
