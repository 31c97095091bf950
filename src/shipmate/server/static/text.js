// Text that was written by others, shown with a little of its Markdown. Only text nodes and known elements are made:
// nothing in the text can become an element, an attribute or a link.

const INLINE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|!?\[([^\]\n]*)\]\(([^()\s]*)[^()\n]*\)|\[(\d{1,3})\]/g;
const BULLET = /^\s*[-*+]\s+/;
const NUMBERED = /^\s*\d{1,3}[.)]\s+/;
const HEADING = /^\s*#{1,6}\s+/;
const FENCE = /^\s*(```|~~~)/;

const shown = new WeakMap();

/** Show text in `place`; `marker(number)` makes the button for [number], or null when there is no such citation. */
export function showText(place, text, marker) {
  const before = shown.get(place) ?? [];
  const blocks = blocksOf(text);
  const sources = blocks.map((block) => JSON.stringify(block));
  let same = 0;
  while (same < before.length && before[same] === sources[same]) same += 1;
  while (place.children.length > same) place.lastElementChild.remove();
  for (const block of blocks.slice(same)) place.append(elementOf(block, marker));
  shown.set(place, sources);
}

/** Return an element with text, its emphasis and code shown, its lines as they are. */
export function lines(tag, text) {
  return filled(tag, text, () => null);
}

/** Return the text without its citation markers, as a person would paste it. */
export function plain(text) {
  return text.replace(/ ?\[\d{1,3}\]/g, "");
}

function blocksOf(text) {
  const blocks = [];
  let open = null;
  const begin = (kind, line) => blocks.push((open = { kind, lines: [line] }));
  for (const line of text.split("\n")) {
    if (open?.kind === "code") {
      if (FENCE.test(line)) open = null;
      else open.lines.push(line);
    } else if (FENCE.test(line)) {
      begin("code", "");
      open.lines.pop();
    } else if (!line.trim()) open = null;
    else if (HEADING.test(line)) {
      begin("heading", line.replace(HEADING, ""));
      open = null;
    } else if (BULLET.test(line)) item("ul", line.replace(BULLET, ""));
    else if (NUMBERED.test(line)) item("ol", line.replace(NUMBERED, ""));
    else if (open) open.lines[open.lines.length - 1] += ` ${line.trim()}`;
    else begin("p", line);
  }
  return blocks;

  function item(kind, line) {
    if (open?.kind === kind) open.lines.push(line);
    else begin(kind, line);
  }
}

function elementOf(block, marker) {
  if (block.kind === "code") {
    const pre = document.createElement("pre");
    pre.append(element("code", block.lines.join("\n")));
    return pre;
  }
  if (block.kind === "ul" || block.kind === "ol") {
    const list = document.createElement(block.kind);
    for (const line of block.lines) list.append(filled("li", line, marker));
    return list;
  }
  const paragraph = document.createElement("p");
  paragraph.append(block.kind === "heading" ? filled("strong", block.lines[0], marker) : filled("span", block.lines[0], marker));
  return paragraph;
}

function filled(tag, text, marker) {
  const parent = document.createElement(tag);
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    // A marker stays on the line of the word that it belongs to.
    parent.append(text.slice(at, match.index).replace(/ $/, match[5] ? "\u00a0" : " "), inline(match, marker));
    at = match.index + match[0].length;
  }
  parent.append(text.slice(at));
  return parent;
}

function inline([whole, code, bold, label, address, number], marker) {
  if (code !== undefined) return element("code", code);
  if (bold !== undefined) return filled("strong", bold, marker);
  if (label !== undefined) return /^https?:/.test(address) ? `${label} (${address})` : label;
  return marker(Number(number)) ?? whole;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
