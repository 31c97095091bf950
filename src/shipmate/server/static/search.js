// Only where a key is needed: this tab's key goes along with each link and form, which cannot carry one themselves.

const KEY = "shipmate.key";

async function visit(address, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const response = await fetch(address, { ...options, headers: { ...options.headers, Authorization: `Bearer ${key}` } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  document.body.replaceWith(document.adoptNode(page.body));
  if (response.status !== 401) {
    if (!options.method) history.replaceState(null, "", address);
    if (response.redirected) history.replaceState(null, "", response.url);
    document.getElementById("main").focus();
    return;
  }
  sessionStorage.removeItem(KEY);
  document.getElementById("key-trouble").hidden = false;
}

function submit(event) {
  const form = event.target;
  if (form.id === "key-form") {
    event.preventDefault();
    sessionStorage.setItem(KEY, document.getElementById("key-field").value.trim());
    visit(location.href);
  } else if (sessionStorage.getItem(KEY)) {
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form));
    // A field of the form is called `action`, and hides the property.
    const address = form.getAttribute("action");
    if (form.method === "get") visit(`${address}?${fields}`);
    else visit(address, { method: "POST", body: fields });
  }
}

function follow(event) {
  const link = event.target.closest("a");
  if (!link || !sessionStorage.getItem(KEY) || new URL(link.href).pathname !== location.pathname) return;
  event.preventDefault();
  visit(link.href);
}

document.addEventListener("submit", submit);
document.addEventListener("click", follow);
if (document.body.dataset.locked === "yes") {
  if (sessionStorage.getItem(KEY)) visit(location.href);
  else document.getElementById("key-field").focus();
}
