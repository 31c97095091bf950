// Draws the table of days: what cannot be drawn, or seen, is read there.

const SHARE = (value) => `${(100 * value).toFixed(1)} %`;
const UNITS = { share: SHARE, s: (value) => `${value.toPrecision(2)} s`, usd: (value) => `$${value.toPrecision(2)}` };
const HEIGHT = 180;
const HALF_DAY_S = 43200;

function draw() {
  const place = document.getElementById("charts");
  const table = document.getElementById("by-day");
  if (!place || !table || place.childElementCount || !window.uPlot) return;
  const days = [...table.tBodies[0].rows];
  const times = days.map((row) => Date.parse(`${row.dataset.day}T00:00:00Z`) / 1000);
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (head.dataset.name) chart(place, head, times, days.map((row) => number(row.cells[column].dataset.value)));
  });
}

function number(text) {
  return text === "" ? null : Number(text);
}

function chart(place, head, times, values) {
  const known = values.filter((value) => value !== null).length;
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = known ? head.textContent : `${head.textContent}: not known on any day`;
  figure.append(caption);
  place.append(figure);
  if (!known) return;
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const write = UNITS[head.dataset.unit];
  const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line") } };
  const target = Number(head.dataset.target);
  const plot = new uPlot(
    {
      width: figure.clientWidth - 28,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map(write) }],
      // Half a day on either side, so that a single day is one too.
      scales: { x: { range: () => [times[0] - HALF_DAY_S, times[times.length - 1] + HALF_DAY_S] } },
      series: [
        {},
        { stroke: color("--sea"), width: 2, points: { size: 6, fill: color("--sea") } },
        { stroke: color("--warn"), width: 1, dash: [4, 4], points: { show: false } },
      ],
    },
    [times, values, times.map(() => target)],
    figure,
  );
  plot.root.setAttribute("role", "img");
  plot.root.setAttribute("aria-label", `${head.textContent} by day; the table below says the same`);
  new ResizeObserver(() => plot.setSize({ width: figure.clientWidth - 28, height: HEIGHT })).observe(figure);
}

draw();
// With a key, the page comes in the place of the one that asks for it.
new MutationObserver(draw).observe(document.documentElement, { childList: true });
