// A correction as it begins, as it is checked, and as it is sent.
import { Bitmap } from "./bitmap.js";
import { contributor, randomUuid } from "./random.js";
import { Session } from "./session.js";

const MOST_SECONDS = 24 * 3600;
const VERDICT = { tampered: "tampered", synthetic: "tampered", no_tampering_found: "no_tampering_found", inconclusive: "inconclusive" };
const NONE = "no_tampering_found";

// how: "fix", "missed", "false" (alarm) or "right"; last: { code, mask, values } of what was saved before.
export function startOf(how, result, engine, last = null) {
  const again = how === "fix" ? last : null;
  const mask = how === "false" ? new Bitmap(engine.width, engine.height) : again?.mask ?? engine;
  const asGiven = again?.values.verdict ?? VERDICT[result.verdict] ?? null;
  const verdict = { missed: "tampered", false: NONE }[how] ?? asGiven;
  const values = { ...again?.values, verdict, consent: {} }; // leave is asked for each time
  return { uuid: randomUuid(), spent: 0, supersedes: last?.code ?? null, values, rated: again?.rated, state: Session.begin(mask) };
}

// A draft as it goes on with this answer: to other reasons nothing was said, and what was sent was about others.
export function draftFor(draft, claims) {
  if (isAbout(draft.rated, claims)) return draft;
  return { ...draft, uuid: draft.request ? randomUuid() : draft.uuid, request: null };
}

// What was said of the reasons only where these are the same; rated: their keys then.
export function valuesFor(values, rated, claims) {
  return isAbout(rated, claims) ? values : { ...values, ratings: [], overall: null, words: null };
}

function isAbout(rated, claims) {
  return !rated || JSON.stringify(rated) === JSON.stringify(claims.map(({ key }) => key));
}

// The key of the sentence that says what is missing; null: it can be sent.
export function whatIsMissing({ verdict, how, consent }, { offer, seeking, state }) {
  if (!verdict) return "need_verdict";
  if (offer || seeking) return "need_decision";
  if (verdict === NONE && state.mask.area) return "need_mask";
  return consent.store && !how ? "need_how" : null;
}

// Without the *store* tick nothing is sent that would not be kept.
export function requestOf({ result, uuid, supersedes, session, secondsSpent }, values) {
  const { verdict, overall, how, words, consent, ratings } = values;
  const { mask, used } = session.state;
  const isDrawn = mask.area > 0 || verdict === NONE;
  const { store } = consent;
  return {
    case_id: result.case_id, name: result.name, picture: result.sha256,
    correction: {
      client_uuid: uuid, verdict, consent, claim_ratings: ratings, overall_rating: overall,
      mask_rle: store && isDrawn ? mask.toRle() : null,
      how_do_you_know: store ? how : null,
      prompts: store ? { clicks: used.clicks, box_xyxy: used.box } : { clicks: [], box_xyxy: null },
      rewritten_explanation: store ? words : null,
      seconds_spent: store ? Math.min(MOST_SECONDS, Math.round(secondsSpent)) : 0,
      finding_kinds: [], supersedes: store ? supersedes : null, contributor: store ? contributor() : null,
    },
  };
}
