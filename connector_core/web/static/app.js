"use strict";
// What HTML and htmx do not do by themselves: questions before a removal, and news for screen readers.

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm || event.target.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  }
});

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
