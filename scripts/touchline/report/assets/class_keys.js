// A key for each class, which adds an event at the playing time.

import { $, make, named } from "./elements.js";

/**
 * Return the letter of a key. On keyboards of other scripts, it is the Latin letter at the key's position.
 * @param {KeyboardEvent} event
 */
export function letterOf({ key, code }) {
  const isForeign = key.length === 1 && key.toLowerCase() !== key.toUpperCase() && !/[a-z]/i.test(key);
  return (isForeign && /^Key[A-Z]$/.test(code) ? code.slice(3) : key).toLowerCase();
}

/** Show a button for each class with its key, and the keys in the dialog. @param {string[]} classes @param {Record<string, string>} letters @param {(label: string) => void} add */
export function showClassKeys(classes, letters, add) {
  for (const label of classes) {
    const key = letters[label]?.toUpperCase();
    const button = make("button", { type: "button", className: "chip", attributes: key ? { "aria-keyshortcuts": `Shift+${key}` } : {} },
      key ? make("kbd", {}, `⇧${key}`) : null, named(label));
    button.addEventListener("click", () => add(label));
    $("class-buttons").append(button);
  }
}
