// The printed page: the confirmed list with times and pictures.

import { $, make, named } from "./elements.js";
import { clocks } from "./halves.js";

/** @import { Decision, MatchData } from "./types.js" */

/**
 * Fill the part of the page that is printed.
 * @param {MatchData} data
 * @param {{ decision: Decision, picture: number | null }[]} confirmed  by time
 */
export function layOut({ pictures, halves }, confirmed) {
  $("print-list").replaceChildren(...confirmed.map(({ decision: { time, label, team, note }, picture }) =>
    make("li", {},
      picture === null ? make("span", { className: "no-picture" })
        : make("img", { src: `data:image/webp;base64,${pictures[picture]}`, alt: "" }),
      make("p", {}, make("b", {}, clocks(halves, time)), " ", named(label), team ? ` ${team}` : ""),
      note ? make("p", { className: "muted" }, named(note)) : null)));
  const reviewers = [...new Set(confirmed.map(({ decision }) => decision.reviewer).filter(Boolean))];
  $("print-about").replaceChildren(`${confirmed.length} confirmed`, ...(reviewers.length ? [" by ", named(reviewers.join(", "))] : []));
}
