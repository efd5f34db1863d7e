// The types of the page's data. This file has only comments and is not part of a page.

/**
 * An event of one model, the ensemble or the labels: the number of the lane, the time in seconds, the
 * score, the team and the number of windows. Then whether it is true, and its details.
 * @typedef {[lane: number, time: number, strength: number | null, team: string | null, hits: number,
 *   right: boolean | null, details: string]} Prediction
 */

/**
 * That something of one label happened, as the page's data have it.
 * @typedef {object} ClaimData
 * @property {string} label
 * @property {boolean} known  whether it is a class
 * @property {number | null} rank  its best place in its class among one model's events
 * @property {Prediction[]} predictions
 */

/**
 * The same on the page: the event that a verdict is about.
 * @typedef {ClaimData & { time: number, strength: number | null, item: Item,
 *   decision: Decision | undefined, note: string, other: Decision | undefined }} Claim
 */

/**
 * A moment of the list, with one claim or several that contradict each other; index is null for an
 * event that a person added.
 * @typedef {object} Item
 * @property {number | null} index
 * @property {string} id
 * @property {number} time
 * @property {string} status
 * @property {number} order
 * @property {boolean} listed
 * @property {number | null} probability
 * @property {number | null} picture
 * @property {Claim[]} claims
 * @property {Set<string>} labels
 * @property {Set<number>} lanes
 * @property {Set<boolean>} truths
 * @property {number | null} strength  the best score of a model
 * @property {number | null} rank
 * @property {string} text  all its words, in small letters
 */

/**
 * A decision of a person: the predicted event, and the true one. An added event has no prediction: its
 * saidTime and saidLabel are null. An undecided event may have a note. clipIn and clipOut are the
 * start and end of the event's clip in seconds, if the person set them.
 * @typedef {object} Decision
 * @property {number | null} saidTime
 * @property {string | null} saidLabel
 * @property {"confirmed" | "rejected" | "undecided"} verdict
 * @property {number} time
 * @property {string} label
 * @property {string} team
 * @property {string} reviewer
 * @property {string} note
 * @property {number | null} clipIn
 * @property {number | null} clipOut
 */

/**
 * Where a half begins in the video: the seconds of its kick-off, and of its end if a person states it.
 * @typedef {{ half: number, start: number, end: number | null }} HalfStart
 */

/**
 * The part of the video that shows a half, in seconds of video: its number, its kick-off, its start and
 * its end. The kick-off may be before the start of the video. Null means unknown.
 * @typedef {[half: number | null, kickoff: number, start: number, end: number | null]} HalfSpan
 */

/**
 * The content of a file of verdicts or labels.
 * @typedef {object} Reading
 * @property {Decision[]} decisions
 * @property {HalfStart[]} halfStarts
 * @property {string[]} problems  a line for what is left out
 * @property {number} leftOut  rows
 * @property {boolean} isTable  whether it is a file of events at all
 */

/** @typedef {{ name: string, kind: string, looked: [number, number][] }} Lane */

/**
 * @typedef {object} MomentData
 * @property {number} time
 * @property {string} status
 * @property {number} order
 * @property {boolean} listed
 * @property {number | null} probability
 * @property {number | null} picture
 * @property {ClaimData[]} claims
 */

/**
 * The likelihood of each class by one model. "starts" has the start of each moment and the end of the
 * last one, in seconds. "curves" has nats above the class's mean over the match, or null for skipped windows.
 * @typedef {{ model: string, starts: number[], curves: Record<string, (number | null)[]> }} EvidenceData
 */

/**
 * The data that match_page.py writes into the page.
 * @typedef {object} MatchData
 * @property {number} video
 * @property {string[]} keys  what verdicts are kept under, the best first
 * @property {string | null} fingerprint
 * @property {string | null} game
 * @property {number | null} half
 * @property {HalfSpan[]} halves  by time; the page changes them when a person does
 * @property {string | null} home
 * @property {string | null} away
 * @property {string | null} path  the video's, for formats that name it
 * @property {number} duration
 * @property {string | null} source
 * @property {string | null} copy  the address of a copy that browsers play, if somebody makes it
 * @property {string} kind  the video's type as browsers name it; "" if none plays it
 * @property {string} command  makes the copy
 * @property {number} rate
 * @property {number} offset
 * @property {number} lead
 * @property {number} tolerance
 * @property {string[]} classes
 * @property {Record<string, string>} letters  by class, the key that adds an event of it with Shift
 * @property {Lane[]} lanes
 * @property {MomentData[]} moments
 * @property {string[]} pictures
 * @property {EvidenceData[]} evidence
 */

/**
 * @typedef {object} Mark
 * @property {number} lane
 * @property {number} time
 * @property {string} label
 * @property {string} status
 * @property {Claim} claim
 * @property {string} about
 */

export {};
