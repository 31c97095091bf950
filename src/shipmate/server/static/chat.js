// The chat: a conversation in this tab, streamed as it comes.

import { openPanel, closePanel } from "./panel.js";
import { ask, reachable, Trouble } from "./stream.js";
import { lines, plain, showText } from "./text.js";
import { offerThumbs } from "./thumbs.js";

const TRANSCRIPT = "shipmate.transcript";
const KEY = "shipmate.key";
const RETRY_MS = 3000;
const KINDS = {
  clarify: "A question back",
  refuse: "Not answered from the documents",
  handoff: "Passed on to a person",
  fallback: "Answered without the language model",
};

const at = (id) => document.getElementById(id);
const field = at("question");
const main = at("main");
const log = at("log");

let conversation = { id: "", turns: [] };
let running = null;

// --- one question -----------------------------------------------------------------------------------------------

async function send(message) {
  if (running || !message.trim()) return;
  if (needsKey() && !(await askForKey())) return;
  dropTroubles();
  field.value = "";
  grow();
  const turn = { message, at: Date.now() };
  showQuestion(turn);
  await answer(turn);
}

async function answer(turn) {
  running = new AbortController();
  busy(true);
  const here = conversation;
  const view = showAnswer();
  try {
    const events = ask({
      message: turn.message,
      conversationId: conversation.id,
      key: key(),
      consent: consent(),
      signal: running.signal,
    });
    for await (const event of events) heed(event, view);
    if (view.reply) keep(turn, view);
  } catch (error) {
    if (conversation !== here) return;
    if (error.name === "AbortError") stopped(turn, view);
    else if (error instanceof Trouble) fail(error, turn, view);
    else throw error;
  } finally {
    running = null;
    busy(false);
  }

  function heed(event, target) {
    if (event.type === "started") conversation.id = event.conversation_id;
    else if (event.type === "citation") target.citations[event.number - 1] = event.citation;
    else if (event.type === "token") target.grow(event.text);
    else if (event.type === "card") showCard(event, turn, target);
    else if (event.type === "finished" && event.reply.kind !== "wait") target.finish(event.reply);
  }
}

function showCard(card, turn, view) {
  if (card.kind === "wait") {
    view.remove();
    showTrouble({ title: "One moment, please", detail: card.text, retryAfterS: card.retry_after_s, turn });
  } else {
    view.note(card.text);
  }
}

function keep(turn, view) {
  conversation.turns.push({ ...turn, reply: view.reply, answeredAt: view.answeredAt });
  save();
  at("status").textContent = `${KINDS[view.reply.kind] ?? "Answer"}: ${plain(view.reply.text)}`;
}

function stopped(turn, view) {
  view.note("Stopped");
  view.end();
  conversation.turns.push({ ...turn, stopped: true, text: view.text, citations: view.citations, answeredAt: Date.now() });
  save();
  at("status").textContent = "Stopped.";
}

function fail(error, turn, view) {
  if (view.text) {
    view.note("Broken off");
    view.end();
  } else view.remove();
  if (error.status === 401) sessionStorage.removeItem(KEY);
  if (error.status === 404) conversation.id = "";
  showTrouble({ title: error.title, detail: error.message, retryAfterS: error.retryAfterS, turn });
  if (!error.status) waitForServer();
}

// --- what is seen -----------------------------------------------------------------------------------------------

function fromTemplate(id) {
  return at(id).content.firstElementChild.cloneNode(true);
}

function showQuestion(turn) {
  const item = fromTemplate("question-template");
  item.querySelector(".bubble").textContent = turn.message;
  stamp(item.querySelector("time"), turn.at);
  append(item);
  return item;
}

function showAnswer() {
  const item = fromTemplate("answer-template");
  const text = item.querySelector(".text");
  const view = {
    text: "",
    citations: [],
    reply: null,
    answeredAt: 0,
    grow(more) {
      view.text += more;
      item.querySelector(".thinking").hidden = true;
      following(() => showText(text, view.text, (number) => marker(number, view.citations)));
    },
    finish(reply, answeredAt = Date.now()) {
      Object.assign(view, { reply, answeredAt, text: reply.text, citations: reply.citations });
      following(() => {
        if (KINDS[reply.kind]) view.note(KINDS[reply.kind]);
        showText(text, reply.text, (number) => marker(number, view.citations));
        view.end(answeredAt);
      });
    },
    end(answeredAt = Date.now()) {
      item.querySelector(".thinking").hidden = true;
      showSources(item.querySelector(".sources"), view.citations);
      item.querySelector(".tail").hidden = false;
      item.querySelector(".copy").hidden = !view.text;
      const around = item.querySelector(".around");
      around.hidden = !view.reply?.citations.length;
      if (!around.hidden) around.href = `/graph?${new URLSearchParams({ turn: view.reply.turn_id })}`;
      if (view.reply?.turn_id) offerThumbs(item, view.reply.turn_id, { key, ratings, say: (words) => (at("status").textContent = words) });
      stamp(item.querySelector(".tail time"), answeredAt);
    },
    note(words) {
      const kind = item.querySelector(".kind");
      kind.textContent = words;
      kind.hidden = false;
    },
    remove: () => item.remove(),
  };
  item.querySelector(".copy").addEventListener("click", (event) => copy(event.currentTarget, view));
  append(item);
  return view;
}

function marker(number, citations) {
  const citation = citations[number - 1];
  if (!citation) return null;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "marker";
  button.textContent = number;
  button.title = citation.title;
  button.setAttribute("aria-label", `Source ${number}: ${citation.title}`);
  button.addEventListener("click", () => openPanel(citation, number, button, key()));
  return button;
}

function showSources(place, citations) {
  place.hidden = citations.length === 0;
  place.querySelector("ol").replaceChildren(...citations.map(sourceElement));
}

function sourceElement(citation, index) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "source";
  button.append(
    span("number", index + 1),
    span("title", citation.title || citation.source),
    span("quote", lines("span", citation.quote).textContent),
  );
  button.addEventListener("click", () => openPanel(citation, index + 1, button, key()));
  item.append(button);
  return item;
}

function span(name, text) {
  const made = document.createElement("span");
  made.className = name;
  made.dir = "auto";
  made.textContent = text;
  return made;
}

function showTrouble({ title, detail, retryAfterS = 0, turn }) {
  const item = document.createElement("li");
  const card = fromTemplate("trouble-template");
  item.className = "trouble-item";
  item.append(card);
  card.querySelector(".card-title").textContent = title;
  card.querySelector(".card-text").textContent = detail;
  const again = card.querySelector(".again");
  again.addEventListener("click", () => {
    dropTroubles();
    field.focus();
    again.disabled = true;
    retry(turn);
  });
  append(item);
  item.scrollIntoView({ block: "nearest" });
  countDown(again, Math.ceil(retryAfterS));
}

async function retry(turn) {
  if (needsKey() && !(await askForKey())) return;
  await answer(turn);
}

function countDown(button, seconds) {
  button.disabled = seconds > 0;
  button.textContent = seconds > 0 ? `Ask again in ${seconds} s` : "Ask again";
  if (seconds > 0) setTimeout(() => button.isConnected && countDown(button, seconds - 1), 1000);
}

function dropTroubles() {
  log.querySelectorAll(".trouble-item").forEach((item) => item.remove());
}

function append(item) {
  at("empty").hidden = true;
  at("new").hidden = false;
  log.append(item);
  main.scrollTop = endOfReading();
}

/** Change something, and keep the end in view for those who were reading there. */
function following(change) {
  const follows = main.scrollTop >= endOfReading() - 80;
  change();
  if (follows) main.scrollTop = endOfReading();
}

/** Return how far to scroll: to the end, but never past the last question, so that a long answer is read from its top. */
function endOfReading() {
  const question = [...log.querySelectorAll(".question")].at(-1);
  const end = main.scrollHeight - main.clientHeight;
  if (!question) return end;
  const top = question.getBoundingClientRect().top - main.getBoundingClientRect().top + main.scrollTop;
  return Math.min(end, top - 16);
}

function stamp(place, milliseconds) {
  const when = new Date(milliseconds);
  const today = when.toDateString() === new Date().toDateString();
  place.dateTime = when.toISOString();
  place.textContent = when.toLocaleString([], today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}

async function copy(button, view) {
  const sources = view.citations.map((citation, index) => `[${index + 1}] ${citation.title} (${citation.source})`);
  const text = [view.text, ...sources].join("\n");
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = copyBySelection(text);
  }
  const label = button.querySelector("span");
  label.textContent = done ? "Copied" : "Copying failed";
  at("status").textContent = label.textContent;
  setTimeout(() => (label.textContent = "Copy"), 2000);
}

/** Copy without the clipboard interface, which plain http does not have. */
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.className = "unseen";
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

// --- the composer -----------------------------------------------------------------------------------------------

function busy(is) {
  at("send").hidden = is;
  at("stop").hidden = !is;
  if (is) at("status").textContent = "The answer is on its way.";
  else if (document.activeElement === document.body) field.focus();
  ready();
}

function ready() {
  at("send").disabled = !field.value.trim();
}

function grow() {
  ready();
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

field.addEventListener("input", grow);
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send(field.value);
  }
});
at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send(field.value);
});
at("stop").addEventListener("click", () => running?.abort());
at("new").addEventListener("click", () => {
  running?.abort();
  closePanel();
  conversation = { id: "", turns: [] };
  save();
  log.replaceChildren();
  at("empty").hidden = false;
  at("new").hidden = true;
  field.focus();
});
document.querySelectorAll(".suggestion").forEach((button) => {
  button.addEventListener("click", () => {
    field.focus();
    send(button.textContent);
  });
});

// --- consent ----------------------------------------------------------------------------------------------------

/** Return under which consent a question is asked: none, unless the box is there and ticked. */
function consent() {
  return at("consent")?.checked ? "page" : "";
}

// --- the key ----------------------------------------------------------------------------------------------------

function key() {
  return sessionStorage.getItem(KEY) ?? "";
}

function needsKey() {
  return document.body.dataset.needsKey === "yes" && !key();
}

/** Ask for the key; return whether there is one now. */
function askForKey() {
  const dialog = at("key");
  at("key-field").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(Boolean(key())), { once: true });
  });
}

at("key-form").addEventListener("submit", () => sessionStorage.setItem(KEY, at("key-field").value.trim()));
at("key-cancel").addEventListener("click", () => at("key").close());

// --- the connection ---------------------------------------------------------------------------------------------

function notice(words, good = false) {
  at("notice").textContent = words;
  at("notice").hidden = !words;
  at("notice").classList.toggle("good", good);
}

let waiting = false;

async function waitForServer() {
  if (waiting) return;
  waiting = true;
  notice(navigator.onLine ? "Trying to reach the assistant …" : "You are offline. What is on this page stays.");
  while (!(await reachable())) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  waiting = false;
  notice("Connected again.", true);
  setTimeout(() => waiting || notice(""), RETRY_MS);
}

window.addEventListener("offline", waitForServer);

/** The thumbs of this tab's conversation, by turn. */
const ratings = {
  of: (turnId) => conversation.ratings?.[turnId],
  keep: (turnId, rating) => {
    conversation.ratings = { ...conversation.ratings, [turnId]: rating };
    save();
  },
};

// --- this tab's memory ------------------------------------------------------------------------------------------

function save() {
  try {
    sessionStorage.setItem(TRANSCRIPT, JSON.stringify(conversation));
  } catch {
    // A full or forbidden storage only means that a reload begins anew.
  }
}

function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(TRANSCRIPT));
    if (Array.isArray(kept?.turns)) conversation = kept;
  } catch {
    sessionStorage.removeItem(TRANSCRIPT);
  }
  for (const turn of conversation.turns) {
    showQuestion(turn);
    const view = showAnswer();
    if (turn.reply) view.finish(turn.reply, turn.answeredAt);
    else {
      view.citations = turn.citations;
      view.grow(turn.text);
      view.note("Stopped");
      view.end(turn.answeredAt);
    }
  }
}

recall();
ready();
if (window.matchMedia("(hover: hover)").matches) field.focus();
