// The passage that a citation stands on: beside the conversation, or from below on a narrow screen.

import { passagesOf } from "./stream.js";
import { lines } from "./text.js";

const panel = document.getElementById("panel");
const body = document.getElementById("panel-body");
const narrow = window.matchMedia("(max-width: 48rem)");

let opener = null;

/** Show a citation's passage; focus goes there, and back to `from` when it closes. */
export async function openPanel(citation, number, from, key) {
  closePanel();
  opener = from;
  opener.setAttribute("aria-expanded", "true");
  write("panel-number", `Source ${number}`);
  write("panel-title", citation.title || citation.source);
  write("panel-path", "");
  write("panel-source", citation.source);
  const { source, start, end } = citation;
  document.getElementById("panel-around").href = `/graph?${new URLSearchParams({ source, start, end })}`;
  body.replaceChildren();
  if (narrow.matches) panel.showModal();
  else panel.show();
  document.getElementById("panel-close").focus();
  let passages = [];
  try {
    passages = await passagesOf(citation, key);
  } catch {
    // Told below: the quote itself is known in any case.
  }
  if (opener === from) fill(citation, passages);
}

/** Close the panel, if it is open. */
export function closePanel() {
  if (panel.open) panel.close();
  opener?.removeAttribute("aria-expanded");
  if (opener?.isConnected) opener.focus();
  opener = null;
}

function fill(citation, passages) {
  const cited = passages.filter((passage) => spanOf(passage.text, citation.quote));
  const chosen = cited.length ? cited : passages;
  if (chosen.length) {
    write("panel-path", chosen[0].headings.join(" › "));
    body.replaceChildren(...chosen.map((passage) => passageElement(passage.text, citation.quote)));
  } else {
    const note = document.createElement("p");
    note.className = "gone";
    note.textContent = "The passage around it is no longer in the index.";
    body.replaceChildren(passageElement(citation.quote, citation.quote), note);
  }
  body.querySelector("mark")?.scrollIntoView({ block: "center" });
}

function passageElement(text, quote) {
  const place = document.createElement("div");
  place.className = "passage";
  place.dir = "auto";
  const [start, end] = spanOf(text, quote) ?? [text.length, text.length];
  place.append(lines("span", text.slice(0, start)));
  if (end > start) place.append(lines("mark", text.slice(start, end)));
  place.append(lines("span", text.slice(end)));
  return place;
}

/** Return where the quote stands in a text, whatever the white space between its words; null when it does not. */
function spanOf(text, quote) {
  const words = quote.trim().split(/\s+/);
  const pattern = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("\\s+");
  const found = pattern && new RegExp(pattern, "u").exec(text);
  return found ? [found.index, found.index + found[0].length] : null;
}

function write(id, text) {
  document.getElementById(id).textContent = text;
}

document.getElementById("panel-close").addEventListener("click", closePanel);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && panel.open) {
    event.preventDefault();
    closePanel();
  }
});
panel.addEventListener("click", (event) => {
  // Only the backdrop is the dialog itself; everything visible is inside.
  if (event.target === panel && narrow.matches) closePanel();
});
panel.addEventListener("close", closePanel);
