// A page in Firefox, by WebDriver BiDi: node firefox.mjs FIREFOX PAGE; prints what was seen as JSON.

import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [executablePath, page] = process.argv.slice(2);
const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath,
  headless: true,
  defaultViewport: null,
  args: ["--width=1440", "--height=960"],
});
try {
  const tab = await browser.newPage();
  const messages = [];
  tab.on("console", (message) => ["error", "warn"].includes(message.type()) && messages.push(message.text()));
  tab.on("pageerror", (error) => messages.push(String(error)));
  const open = () => tab.goto(pathToFileURL(page).href, { waitUntil: "load" });
  const text = (id) => tab.$eval(`#${id}`, (element) => element.textContent);
  const progress = [];
  await open();
  for (const key of ["j", "y", "y", "n"]) await tab.keyboard.press(key);
  progress.push(await text("progress-text"));
  await open();
  progress.push(await text("progress-text"));
  await tab.keyboard.press("u");
  progress.push(await text("progress-text"));
  await tab.keyboard.press("v");
  const lanes = await tab.$$eval("#lane-names bdi", (names) => names.length);
  const { wide, scrolled } = await tab.evaluate(() => ({
    wide: document.documentElement.scrollWidth - innerWidth, scrolled: scrollY }));
  console.log(JSON.stringify({ messages, progress, lanes, wide, scrolled }));
} finally {
  await browser.close();
}
