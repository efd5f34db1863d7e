// The video beside the page: where it should be, or where the person says it is.

const SAMPLES = 16;
const SAMPLE_BYTES = 1 << 16;

class Player {
  /**
   * Plays data.source if it is there; reports its position and its length, in seconds from its
   * first picture, at which the browser's own clock shows data.offset.
   */
  constructor({ source, fingerprint, offset, onTime, onLength }) {
    Object.assign(this, { source, fingerprint, offset });
    this.video = $("video");
    this.wanted = null;
    this.works = false;
    this.video.addEventListener("timeupdate", () => onTime(this.time));
    this.video.addEventListener("seeked", () => onTime(this.time));
    this.video.addEventListener("loadedmetadata", () => {
      this.works = true;
      this.reveal(null);
      onLength(this.video.duration - this.offset);
      if (this.wanted !== null) this.seek(this.wanted);
    });
    this.video.addEventListener("error", () => this.fail());
    $("pick").addEventListener("click", () => $("pick-file").click());
    $("pick-file").addEventListener("change", () => this.pick($("pick-file").files[0]));
    if (source === null) this.fail();
    else this.video.src = source;
  }

  fail() {
    this.works = false;
    const why = this.picked
      ? `This browser cannot play ${this.picked}. It can play most MP4 and WebM files; ffmpeg -i THE_VIDEO -c copy copy.mp4 often makes one.`
      : this.source === null
        ? "This run has no video. If you have it, choose it here."
        : "The video is not where it was, or this browser cannot play it.";
    this.reveal(why);
  }

  /** Show why there is no video, or, with null, the video. */
  reveal(why) {
    this.video.hidden = why !== null;
    $("no-video").hidden = why === null;
    $("no-video-text").textContent = why ?? "";
  }

  /** Play a file that the person chose, and say so if it is another video. */
  async pick(file) {
    if (!file) return;
    this.picked = file.name;
    this.video.src = URL.createObjectURL(file);
    if (this.fingerprint === null || !crypto.subtle) return;
    try {
      if ((await fingerprintOf(file)) !== this.fingerprint) {
        notice(`${file.name} is not the file that was analysed, so its times may differ.`, "warning");
      }
    } catch {
      notice(`${file.name} cannot be read.`, "warning");
    }
  }

  /** Seconds from the first picture; sound that begins earlier is at 0, too. */
  get time() {
    return Math.max(0, this.video.currentTime - this.offset);
  }

  seek(time) {
    this.wanted = Math.max(0, time);
    if (this.works) this.video.currentTime = this.wanted + this.offset;
  }

  toggle() {
    if (!this.works) return;
    if (this.video.paused) this.video.play().catch(() => this.fail());
    else this.video.pause();
  }
}

/** As touchline/inputs/fingerprint.py: SHA-256 of a file's size and samples of its content. */
async function fingerprintOf(file) {
  const parts = [new TextEncoder().encode(String(file.size))];
  for (let k = 0; k < SAMPLES; k++) {
    const start = Math.floor((Math.max(0, file.size - SAMPLE_BYTES) * k) / (SAMPLES - 1));
    parts.push(await file.slice(start, start + SAMPLE_BYTES).arrayBuffer());
  }
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
