// Dragging a sheet by its head from one size to another.

const SLOP = 6; // pixels under which a drag is a tap
const FLICK = 0.4; // pixels a millisecond, from which on the next size in that direction is meant
const REST = 100; // milliseconds after which a finger that has moved is at rest

/**
 * @template {string} S
 * @param {HTMLElement} sheet that has its height from data-size
 * @param {HTMLElement} head
 * @param {() => readonly S[]} sizesNow the smallest first
 * @param {(size: S) => void} choose
 */
export function sheetDrag(sheet, head, sizesNow, choose) {
  /** @type {{ from: number, height: number, sizes: readonly S[], heights: number[] | null, last: PointerEvent, speed: number } | null} */
  let drag = null;
  let dragged = false; // what is under the finger in the end is not clicked
  head.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return; // a second finger changes nothing
    dragged = false;
    const isField = event.target instanceof Element && event.target.closest("input");
    drag = event.button > 0 || isField ? null
      : { from: event.clientY, height: sheet.offsetHeight, sizes: sizesNow(), heights: null, last: event, speed: 0 };
  });
  head.addEventListener("pointermove", (event) => {
    if (!event.isPrimary) return;
    if (drag && !event.buttons) end(event); // it ended elsewhere
    if (!drag) return;
    const up = drag.from - event.clientY;
    if (!drag.heights && Math.abs(up) < SLOP) return;
    if (!drag.heights) {
      head.setPointerCapture(event.pointerId);
      sheet.classList.add("dragged");
      drag.heights = heightsOf(sheet, drag.sizes);
      dragged = true;
    }
    drag.speed = (drag.last.clientY - event.clientY) / Math.max(1, event.timeStamp - drag.last.timeStamp);
    drag.last = event;
    const height = Math.max(drag.heights[0], Math.min(drag.heights[drag.sizes.length - 1], drag.height + up));
    sheet.style.height = `${height}px`;
  });
  const end = (/** @type {PointerEvent} */ { timeStamp }) => {
    if (drag?.heights) {
      const speed = timeStamp - drag.last.timeStamp < REST ? drag.speed : 0;
      choose(drag.sizes[target(drag.heights, sheet.offsetHeight, speed)]);
    }
    drag = null;
    sheet.classList.remove("dragged");
    sheet.style.height = "";
  };
  for (const type of /** @type {const} */ (["pointerup", "pointercancel"])) {
    head.addEventListener(type, (event) => { if (event.isPrimary) end(event); });
  }
  head.addEventListener("click", (event) => {
    if (!dragged) return;
    dragged = false;
    event.stopPropagation();
    event.preventDefault();
  }, true);
}

/** @param {HTMLElement} sheet without a transition @param {readonly string[]} sizes */
function heightsOf(sheet, sizes) {
  const { size } = sheet.dataset;
  const heights = sizes.map((one) => {
    sheet.dataset.size = one;
    return sheet.offsetHeight;
  });
  sheet.dataset.size = size;
  return heights;
}

/** The number of the size that a drag ends at. @param {number[]} heights @param {number} height @param {number} speed upwards */
function target(heights, height, speed) {
  const above = heights.findIndex((one) => one > height), below = heights.findLastIndex((one) => one < height);
  if (speed > FLICK && above >= 0) return above;
  if (speed < -FLICK && below >= 0) return below;
  const distances = heights.map((one) => Math.abs(one - height));
  return distances.indexOf(Math.min(...distances));
}
