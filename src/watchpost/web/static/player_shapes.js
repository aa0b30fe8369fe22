// Zones and lines over a live picture, for whoever watches. The editor draws its own.
import { ask, cameraApi } from "./dom.js";

const ZONE = "#56b4e9"; // as the editor has them
const FILL = "#56b4e926";
const LINE = "#f0c042";
const INK = "#0e1014";
const ARROW_PX = 22;
const FONT = "system-ui, 'Noto Sans KR', sans-serif";

/** What the server runs by: {zones: {name: points}, lines: {name: points}}; nothing where it does not answer. */
export const shapesOf = (camera) => ask(cameraApi(camera, "shapes")).catch(() => ({ zones: {}, lines: {} }));

/** Draw them on a canvas, `area` in its pixels. */
export function drawShapes(context, area, { zones, lines }, scale) {
  const at = ([x, y]) => [area.left + x * area.width, area.top + y * area.height];
  context.lineJoin = "round";
  for (const [name, points] of Object.entries(zones)) {
    const path = pathOf(points.map(at), true);
    context.fillStyle = FILL;
    context.fill(path);
    stroke(context, path, ZONE, scale);
    word(context, name, at(points[0]), ZONE, scale);
  }
  for (const [name, points] of Object.entries(lines)) {
    const placed = points.map(at);
    const path = pathOf(placed, false);
    path.addPath(arrowOf(placed, scale));
    stroke(context, path, LINE, scale);
    word(context, name, placed[0], LINE, scale);
  }
}

function pathOf(points, isClosed) {
  const path = new Path2D();
  points.forEach(([x, y], index) => (index ? path.lineTo(x, y) : path.moveTo(x, y)));
  if (isClosed) path.closePath();
  return path;
}

// Points to the side that counts as in: the right of somebody who walks along the line from its first point.
function arrowOf(points, scale) {
  const middle = Math.floor((points.length - 1) / 2);
  const [[ax, ay], [bx, by]] = [points[middle], points[middle + 1]];
  const length = Math.hypot(bx - ax, by - ay) || 1;
  const [nx, ny] = [-(by - ay) / length, (bx - ax) / length];
  const [x, y] = [(ax + bx) / 2, (ay + by) / 2];
  const [tx, ty] = [x + nx * ARROW_PX * scale, y + ny * ARROW_PX * scale];
  const [back, side] = [8 * scale, 5 * scale];
  const path = new Path2D();
  path.moveTo(x, y);
  path.lineTo(tx, ty);
  path.moveTo(tx - nx * back - ny * side, ty - ny * back + nx * side);
  path.lineTo(tx, ty);
  path.lineTo(tx - nx * back + ny * side, ty - ny * back - nx * side);
  return path;
}

function stroke(context, path, colour, scale) {
  for (const [width, style] of [[4.5, "#0e1014aa"], [2.2, colour]]) {
    context.lineWidth = width * scale;
    context.strokeStyle = style;
    context.stroke(path);
  }
}

function word(context, name, [x, y], colour, scale) {
  context.font = `500 ${12 * scale}px ${FONT}`;
  context.textBaseline = "alphabetic";
  context.lineWidth = 3 * scale;
  context.strokeStyle = INK;
  context.fillStyle = colour;
  const [left, base] = [x + 6 * scale, Math.max(14 * scale, y - 6 * scale)];
  context.strokeText(name, left, base);
  context.fillText(name, left, base);
}
