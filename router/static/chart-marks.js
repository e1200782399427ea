// What charts show beside lines: acts as numbered marks on the time axis, and the time that is too new for labels.
import { colour } from "./chart-style.js";

export function actMarks(marks) {
  return { hooks: { draw: [(plot) => drawMarks(plot, marks())] } };
}

function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour("mark");
  ctx.fillStyle = colour("mark");
  ctx.lineWidth = devicePixelRatio;
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  for (const mark of marks) {
    const x = Math.round(plot.valToPos(mark.at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(String(mark.revision), x, bbox.top - 3 * devicePixelRatio);
  }
  ctx.restore();
}

export function immatureZone(since) {
  return { hooks: { drawClear: [(plot) => drawZone(plot, since())] } };
}

function drawZone(plot, since) {
  if (since === null || since === undefined) return;
  const { ctx, bbox } = plot;
  const left = Math.max(bbox.left, plot.valToPos(since, "x", true));
  const right = bbox.left + bbox.width;
  if (left >= right) return;
  ctx.save();
  ctx.fillStyle = colour("zone");
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.restore();
}
