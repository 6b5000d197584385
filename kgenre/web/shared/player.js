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

/** @param {HTMLAudioElement} audio */
export function startPlaying(audio) { audio.play().catch(() => {}); } // it was paused, or another file was chosen meanwhile
