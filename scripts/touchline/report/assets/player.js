// The video beside the page: where it should be, or where the person says it is.

import { $, field, notice } from "./elements.js";

/** @import { MatchData } from "./types.js" */

const NEAR = 1; // seconds from a wanted time at which a seek has arrived

const SAMPLES = 16;
const SAMPLE_BYTES = 1 << 16;
const SAME_LENGTH = 1; // seconds by which a copy may be longer or shorter
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4];

export class Player {
  /**
   * Plays data.source if it is there; reports its position and its length, in seconds from its
   * first picture, at which the browser's own clock shows data.offset.
   * @param {MatchData} data
   * @param {(time: number) => void} onTime
   * @param {(seconds: number) => void} onLength
   */
  constructor({ source, copy, kind, command, path, duration, fingerprint, offset, rate }, onTime, onLength) {
    this.source = source;
    this.copy = copy;
    this.kind = kind;
    this.command = command;
    this.path = path;
    this.duration = duration;
    this.missing = false;
    this.fingerprint = fingerprint;
    this.offset = offset;
    this.rate = rate;
    this.video = /** @type {HTMLVideoElement} */ ($("video"));
    /** @type {number | null} */
    this.wanted = null;
    // The chosen time until the video shows it, which may never be, or is played on.
    /** @type {number | null} */
    this.held = null;
    this.isSeeking = false;
    this.canSeek = true;
    this.works = false;
    this.picked = "";
    /** @type {[number, number] | null} */
    this.loop = null; // the repeated part, seconds
    this.video.addEventListener("timeupdate", () => {
      if (this.loop && !this.video.paused && this.time >= this.loop[1]) this.seek(this.loop[0]);
      onTime(this.time);
    });
    this.video.addEventListener("seeked", () => {
      this.arrive();
      onTime(this.time);
    });
    this.video.addEventListener("play", () => { this.held = null; });
    this.video.addEventListener("loadedmetadata", () => {
      this.works = true;
      this.canSeek = true;
      $("no-seek").hidden = true;
      this.reveal(null);
      onLength(this.video.duration - this.offset);
      if (this.wanted !== null) this.seek(this.wanted);
    });
    this.video.addEventListener("error", () => this.tryCopy());
    $("pick").addEventListener("click", () => $("pick-file").click());
    $("pick-file").addEventListener("change", () => this.pick(field("pick-file").files?.[0]));
    if (source === null) this.fail();
    else this.video.src = source;
  }

  /** Play the copy that browsers play, if the video itself cannot be played and somebody has made one. */
  tryCopy() {
    const { src } = this.video;
    if (!this.picked && this.copy !== null && src !== new URL(this.copy, location.href).href) {
      // Chromium and Firefox say so of files that are not there.
      this.missing = /Format error|404|NOT_FOUND|failed to open/i.test(this.video.error?.message ?? "");
      this.video.src = this.copy;
    } else this.fail();
  }

  fail() {
    this.works = false;
    const isPlayed = this.kind !== "" && this.video.canPlayType(this.kind) !== "";
    if (this.picked) this.reveal(`This browser cannot play ${this.picked}. It plays most MP4 and WebM files. This makes one:`, this.command);
    else if (this.source === null) this.reveal("This run has no video. If you have it, choose it here.");
    else if (this.missing || isPlayed) this.reveal(`The video is not at ${this.path ?? this.source}. Put it back and reload the page, or choose it here.`);
    else this.reveal("This browser cannot play the video's format. This makes a copy that it plays; then reload the page:", this.command);
  }

  /** Show why there is no video, and a command that helps; or, with null, the video. @param {string | null} why */
  reveal(why, command = "") {
    field("no-video-command").value = command;
    field("no-video-command").hidden = command === "";
    this.video.hidden = why !== null;
    $("playback").hidden = why !== null;
    $("no-video").hidden = why === null;
    $("no-video-text").textContent = why ?? "";
  }

  /** Play a file that the person chose, and say so if it is another video. @param {File | undefined} file */
  async pick(file) {
    if (!file) return;
    this.picked = file.name;
    this.works = false; // until it is loaded
    this.video.src = URL.createObjectURL(file);
    if (this.fingerprint === null || !crypto.subtle) return;
    try {
      if ((await fingerprintOf(file)) !== this.fingerprint) this.say(file.name);
    } catch {
      notice(`${file.name} cannot be read.`, "warning");
    }
  }

  /** Say of another file than the one that was analysed whether it may be a copy. @param {string} name */
  say(name) {
    if (!this.works) {
      this.video.addEventListener("loadedmetadata", () => this.say(name), { once: true });
      return;
    }
    const isAsLong = Math.abs(this.video.duration - this.offset - this.duration) <= SAME_LENGTH;
    if (isAsLong) notice(`${name} has the length of the video that was analysed, and is taken for a copy of it.`);
    else notice(`${name} is not the file that was analysed, so its times may differ.`, "warning");
  }

  /** Seconds from the first picture; sound that begins earlier is at 0, too. A chosen time counts before the video shows it. */
  get time() {
    return this.held ?? Math.max(0, this.video.currentTime - this.offset);
  }

  /** @param {number} time */
  seek(time) {
    this.wanted = this.held = Math.max(0, time);
    if (!this.works) return;
    this.isSeeking = true;
    this.video.currentTime = this.wanted + this.offset;
    // Where nothing can be sought, a browser may not even try.
    if (!this.video.seekable.length) this.stay();
  }

  /** Take over where a seek has led. The person's own, with the video's controls, is right anyway. */
  arrive() {
    if (this.video.seeking || this.wanted === null) return;
    const there = Math.min(this.wanted + this.offset, this.video.duration);
    if (this.isSeeking && Math.abs(this.video.currentTime - there) > NEAR) this.stay();
    else this.held = null;
    this.isSeeking = false;
  }

  /** Keep the chosen time, which the video cannot show, and say so once. */
  stay() {
    this.held = this.wanted;
    this.isSeeking = false;
    this.video.pause();
    if (!this.canSeek) return;
    this.canSeek = false;
    const isServed = location.protocol.startsWith("http") && !this.picked;
    const why = isServed ? "The server of this page cannot seek: it sends the video only from its start." : "This browser cannot seek in this video.";
    const remedy = isServed ? " To see it, start python scripts/review.py, or open the page from disk." : "";
    $("no-seek").textContent = `${why} The picture is not of the chosen time.`;
    $("no-seek").hidden = false;
    notice(`${why} Times that you enter and events that you add have the chosen time, which the picture does not show.${remedy}`, "warning");
  }

  toggle() {
    if (!this.works) return;
    if (this.video.paused) this.video.play().catch(() => this.fail());
    else this.video.pause();
  }

  /** Go on by pictures, forwards or back, and stop there. @param {number} count */
  frames(count) {
    if (!this.works) return;
    this.video.pause();
    const shown = Math.floor(this.time * this.rate + 0.01);
    // Into the middle of the picture: its very start may still show the one before.
    this.seek((Math.max(0, shown + count) + 0.5) / this.rate);
  }

  /** Play faster (1) or slower (-1); returns the speed. @param {number} by */
  faster(by) {
    const place = SPEEDS.indexOf(this.video.playbackRate);
    return this.speed(SPEEDS[Math.min(Math.max(place + by, 0), SPEEDS.length - 1)]);
  }

  /** @param {number} value */
  speed(value) {
    this.video.playbackRate = value;
    field("speed").value = String(value);
    return value;
  }

  /** Play a stretch again and again, from its start; null: no more. @param {[number, number] | null} stretch */
  repeat(stretch) {
    this.loop = stretch;
    if (!stretch || !this.works) return;
    this.seek(stretch[0]);
    if (this.canSeek) this.video.play().catch(() => {}); // a browser may want a click first
  }
}

/** As touchline/inputs/fingerprint.py: SHA-256 of a file's size and samples of its content. @param {File} file */
async function fingerprintOf(file) {
  /** @type {BlobPart[]} */
  const parts = [new TextEncoder().encode(String(file.size))];
  for (let k = 0; k < SAMPLES; k++) {
    const start = Math.floor((Math.max(0, file.size - SAMPLE_BYTES) * k) / (SAMPLES - 1));
    parts.push(await file.slice(start, start + SAMPLE_BYTES).arrayBuffer());
  }
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
