/** Contour lines of a hillside: the ground of the page's head. Pure decoration. */

const LINES = 9;
const WIDE = 1200;

/** One line of the hill: sums of slow waves, nearer together where the slope is steep. */
function contour(line: number): string {
  const points: string[] = [];
  for (let x = 0; x <= WIDE; x += 40) {
    const hill = Math.sin(x / 190 + line * 0.16) * 22 + Math.sin(x / 83 - line * 0.31) * 7 + Math.sin(x / 420) * 30;
    points.push(`${x} ${(18 + line * 23 + hill * (0.5 + line * 0.09)).toFixed(1)}`);
  }
  return `M${points.join("L")}`;
}

const PATHS = Array.from({ length: LINES }, (_none, line) => contour(line));

export function Contours() {
  return (
    <svg class="contours" viewBox={`0 0 ${WIDE} 240`} preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
      {PATHS.map((d, line) => (
        <path d={d} class={line === 5 ? "contour-stream" : "contour"} />
      ))}
    </svg>
  );
}
