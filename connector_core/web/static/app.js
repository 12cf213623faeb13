"use strict";
// What HTML and htmx do not do by themselves: questions before a removal, news for screen readers, what is typed.

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  }
});

// What was done is said once: a page that is read again, or kept as a bookmark, says nothing.
if (document.querySelector("[data-said]")) {
  const address = new URL(window.location.href);
  address.searchParams.delete("done");
  address.searchParams.delete("number");
  window.history.replaceState(window.history.state, "", address);
}

// A button [data-fill="field"] with a value puts it into the field of that id: the corrected value, one click away.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fill]");
  if (!button) return;
  const field = document.getElementById(button.dataset.fill);
  field.value = button.value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});

// What was swapped in, and the element in it that an attribute names.
function arrived(event, attribute) {
  const where = event.target instanceof Element ? event.target : null;
  return where && (where.closest(`[${attribute}]`) || where.querySelector(`[${attribute}]`));
}

// An element [data-announce] that arrives is read out.
document.addEventListener("htmx:afterSwap", (event) => {
  const said = arrived(event, "data-announce");
  if (said) {
    document.getElementById("announcer").textContent = said.dataset.announce;
  }
});

// A browser has few connections to one host, so a page that is not seen gives its stream of events back. When it is seen
// again, or when its stream was refused, it is read anew: that tells if the session or the integration has ended.
const streams = new Set();
htmx.createEventSource = (address) => {
  const made = new EventSource(address);
  streams.add(made);
  return made;
};
function readAnew() {
  for (const place of document.querySelectorAll("[sse-connect]")) {
    htmx.trigger(place, "seen-again");
  }
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    streams.forEach((one) => one.close());
    streams.clear();
  } else {
    readAnew();
  }
});
function showLost(event, isLost) {
  const told = event.target.querySelector("[data-lost]");
  if (told) told.hidden = !isLost;
}
// What was said of a run is over when the run is.
document.addEventListener("htmx:sseMessage", () => {
  if (!document.querySelector(".live")) document.querySelector("[data-said]")?.remove();
});
document.addEventListener("htmx:sseOpen", (event) => showLost(event, false));
document.addEventListener("htmx:sseError", (event) => {
  showLost(event, true);
  if (event.detail.source.readyState === EventSource.CLOSED) {
    streams.delete(event.detail.source);
    window.setTimeout(readAnew, 5000);
  }
});

// A box [data-all="group"] ticks the single rows of its group. What is ticked is counted, and named on the buttons.
function tick(event) {
  const group = event?.target.dataset.all;
  for (const box of group ? document.querySelectorAll(`[data-of="${CSS.escape(group)}"]`) : []) {
    box.checked = event.target.checked;
    box.disabled = event.target.checked;
  }
  const told = document.querySelector("[data-ticked]");
  if (!told) return;
  let count = 0;
  for (const box of document.querySelectorAll("[data-count]:checked:enabled")) count += Number(box.dataset.count);
  told.textContent = `${count.toLocaleString("en")} of ${Number(told.dataset.total).toLocaleString("en")} ticked`;
  for (const button of document.querySelectorAll("[data-part]")) {
    button.disabled = !count;
    button.textContent = `${button.dataset.part} ticked (${count.toLocaleString("en")})`;
  }
}
document.addEventListener("change", (event) => {
  if (event.target.dataset.count) tick(event);
});
// The Enter key in a box would press the first button of its form: a decision is not made by chance.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.dataset.count) event.preventDefault();
});
// A browser may restore the boxes of a page that is gone back to.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("[data-all]:checked").forEach((box) => tick({ target: box }));
  tick();
});

// What htmx says about a field that is being typed: [data-field] names it, [data-invalid] says if it is wrong.
document.addEventListener("htmx:afterSwap", (event) => {
  const news = arrived(event, "data-field");
  const field = news && document.getElementById(news.dataset.field);
  if (!field) return;
  if (news.dataset.invalid === "true") {
    field.setAttribute("aria-invalid", "true");
  } else {
    field.removeAttribute("aria-invalid");
  }
});

// A form [data-busy] takes seconds: its button says so, and is pressed once.
document.addEventListener("submit", (event) => {
  const busy = event.target.dataset.busy;
  const button = event.target.querySelector("button:not([type='button'])");
  if (!busy || !button || event.defaultPrevented) return;
  button.dataset.text = button.textContent;
  button.textContent = busy;
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  document.getElementById("announcer").textContent = busy;
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.textContent = button.dataset.text;
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
});

// A field [data-cron="place"] of a cron expression: while it is typed, the API says what it means.
let cronTimer;
document.addEventListener("input", (event) => {
  const place = event.target.dataset.cron && document.getElementById(event.target.dataset.cron);
  if (!place) return;
  clearTimeout(cronTimer);
  cronTimer = setTimeout(() => explainCron(event.target, place), 300);
});

async function explainCron(field, place) {
  const typed = field.value.trim();
  let wrong = false;
  let shown = [];
  if (typed) {
    const response = await fetch(`/api/v1/cron?${new URLSearchParams({ cron: typed })}`);
    const said = await response.json();
    wrong = !response.ok;
    shown = response.ok ? meaningOf(said) : [problemOf(said)];
  }
  if (field.value.trim() !== typed) return; // It was typed on meanwhile.
  if (wrong) {
    field.setAttribute("aria-invalid", "true");
  } else {
    field.removeAttribute("aria-invalid");
  }
  place.replaceChildren(...shown);
}

function meaningOf(said) {
  const words = made("strong", [said.words.charAt(0).toUpperCase() + said.words.slice(1)]);
  const times = said.times.map((time) => {
    const day = new Date(`${time.slice(0, 10)}T00:00Z`);
    const part = (options) => day.toLocaleDateString("en", { ...options, timeZone: "UTC" });
    const date = `${day.getUTCDate()} ${part({ month: "long" })} ${day.getUTCFullYear()}`;
    return made("li", [`${part({ weekday: "long" })}, ${date}, ${time.slice(11, 16)} ${said.timezone}`]);
  });
  const list = made("ol", times);
  list.className = "tight";
  return [made("p", [words, ". The next five times:"]), list];
}

function problemOf(said) {
  const problem = made("div", [made("p", [made("strong", [said.title])]), made("p", [said.detail || ""])]);
  problem.className = "problem";
  return problem;
}

function made(tag, parts) {
  const element = document.createElement(tag);
  element.append(...parts);
  return element;
}
