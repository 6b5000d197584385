// Plays a file from a given second, in the page's own <audio>.

/**
 * @param {HTMLAudioElement} audio
 * @param {string} url
 * @param {number} seconds where to begin
 * @param {() => void} failed is called where the browser cannot play the file
 */
export function playFrom(audio, url, seconds, failed) {
  const play = () => {
    audio.onloadedmetadata = null;
    audio.currentTime = seconds;
    startPlaying(audio);
  };
  audio.onerror = failed;
  if (audio.getAttribute("src") === url && audio.readyState > 0) return play();
  audio.onloadedmetadata = play;
  audio.preload = "auto";
  audio.src = url;
  audio.load();
}

/** Plays a short clip from its beginning. @param {HTMLAudioElement} audio @param {string} url @param {() => void} failed */
export function playClip(audio, url, failed) {
  audio.onloadedmetadata = null;
  audio.onerror = failed;
  audio.src = url;
  startPlaying(audio);
}

/** @param {HTMLAudioElement} audio */
export function startPlaying(audio) { audio.play().catch(() => {}); } // it was paused, or another file was chosen meanwhile
