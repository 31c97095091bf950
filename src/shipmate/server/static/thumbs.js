// Thumbs up and down below an answer; after thumbs down one may say why. The last word counts.

export function offerThumbs(item, turnId, { key, ratings, say }) {
  const thumbs = item.querySelector(".thumbs");
  const why = item.querySelector(".why");
  thumbs.hidden = false;
  show(ratings.of(turnId));
  for (const button of thumbs.querySelectorAll("button")) {
    button.addEventListener("click", () => rate({ value: Number(button.dataset.value), reason: "" }));
  }
  for (const button of why.querySelectorAll("button")) {
    button.addEventListener("click", () => rate({ value: -1, reason: button.dataset.reason }));
  }

  async function rate(rating) {
    const before = ratings.of(turnId);
    show(rating);
    if (await send(turnId, rating, key())) {
      ratings.keep(turnId, rating);
      say(rating.value > 0 ? "Noted: it helped." : rating.reason ? "Noted, with the reason." : "Noted: it did not help. You may say why.");
    } else {
      show(before);
      say("This could not be noted. Try again.");
    }
  }

  function show(rating) {
    press(thumbs, (button) => Number(button.dataset.value) === rating?.value);
    press(why, (button) => button.dataset.reason === rating?.reason);
    why.hidden = rating?.value !== -1;
  }
}

function press(group, is) {
  for (const button of group.querySelectorAll("button")) button.setAttribute("aria-pressed", is(button));
}

async function send(turnId, rating, key) {
  const headers = { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  try {
    const body = JSON.stringify({ turn_id: turnId, ...rating });
    return (await fetch("/feedback", { method: "POST", headers, body })).ok;
  } catch {
    return false;
  }
}
