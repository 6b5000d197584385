// Canvases as sharp as the screen.

/** A context whose unit is a CSS pixel. @param {HTMLCanvasElement} canvas already in the page */
export function sharpContext(canvas) {
  const ratio = window.devicePixelRatio || 1, { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = context2d(canvas);
  context.scale(ratio, ratio);
  return { context, width, height };
}

/** @param {HTMLCanvasElement} canvas */
export function context2d(canvas) { return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")); }
