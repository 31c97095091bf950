// Only where a key is needed: this tab's key fetches what a link alone may not show.

const KEY = "shipmate.key";

async function unlock(key) {
  const response = await fetch(location.href, { headers: { Authorization: `Bearer ${key}` } });
  if (response.status === 401) return false;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  document.body.replaceWith(page.body);
  document.getElementById("main").focus();
  return true;
}

async function tryKey(key) {
  const isKnown = await unlock(key);
  if (isKnown) sessionStorage.setItem(KEY, key);
  else {
    sessionStorage.removeItem(KEY);
    document.getElementById("key-trouble").hidden = false;
  }
}

if (document.body.dataset.locked === "yes") {
  const field = document.getElementById("key-field");
  document.getElementById("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    tryKey(field.value.trim());
  });
  const key = sessionStorage.getItem(KEY);
  if (key) tryKey(key);
  else field.focus();
}
