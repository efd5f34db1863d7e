// A served page in Firefox: node firefox_served.mjs FIREFOX ADDRESS …; prints what was seen on each as JSON.

import puppeteer from "puppeteer-core";

const [executablePath, ...addresses] = process.argv.slice(2);
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true, defaultViewport: null });
try {
  const seen = [];
  for (const address of addresses) {
    const tab = await browser.newPage();
    const messages = [];
    tab.on("console", (message) => ["error", "warn"].includes(message.type()) && messages.push(message.text()));
    tab.on("pageerror", (error) => messages.push(String(error)));
    await tab.goto(address, { waitUntil: "load" });
    await tab.waitForFunction(() => document.getElementById("video").readyState >= 1);
    await tab.keyboard.press("j");
    await tab.waitForFunction(() => !document.getElementById("video").seeking);
    await tab.keyboard.press("a");
    await tab.keyboard.press("Escape");
    const added = await tab.$eval("#notices", (element) => element.textContent);
    await tab.keyboard.press("s");
    await tab.waitForFunction(() => document.getElementById("notices").textContent.includes("Saved"));
    seen.push(await tab.evaluate(() => ({
      time: document.getElementById("video").currentTime,
      isStuck: !document.getElementById("no-seek").hidden,
      saved: document.getElementById("notices").textContent,
    })));
    Object.assign(seen.at(-1), { added, messages });
  }
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
