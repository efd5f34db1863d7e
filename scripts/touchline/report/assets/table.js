// Tables in CSV, as the workflow's own.

// A spreadsheet would run a cell that begins so.
const FORMULA = /^\s*[=+\-@＝＋－＠']/;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** A table's text. @param {(string | number)[][]} rows */
export const tableText = (rows) => `${rows.map((row) => row.map(cell).join(",")).join("\n")}\n`;

/** Return a cell with its text, escaped so that no spreadsheet runs it. @param {string | number} value */
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = value.replace(CONTROL, " ");
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** Return the separator of a table's cells, by its first line. Spreadsheets write semicolons in countries with a decimal comma. @param {string} text */
export function separatorOf(text) {
  const [line] = text.split("\n", 1);
  return line.split(";").length > line.split(",").length ? ";" : ",";
}

/** The rows of a table, each a list of cells; empty rows are none. @param {string} text */
export function cells(text, separator = ",") {
  const rows = [];
  /** @type {string[]} */
  let row = [];
  let part = "";
  let quoted = false;
  for (let place = 0; place < text.length; place++) {
    const sign = text[place];
    if (quoted) {
      if (sign !== '"') part += sign;
      else if (text[place + 1] === '"') part += text[++place];
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === separator) { row.push(part); part = ""; }
    else if (sign === "\n") { row.push(part); rows.push(row); row = []; part = ""; }
    else if (sign !== "\r") part += sign;
  }
  if (part !== "" || row.length) rows.push([...row, part]);
  return rows.filter((these) => these.some((one) => one !== ""));
}
