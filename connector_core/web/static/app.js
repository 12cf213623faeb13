"use strict";
// What HTML and htmx do not do by themselves: questions before a removal, and news for screen readers.

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
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

// An element [data-announce] that arrives is read out.
document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target.closest("[data-announce]") || event.target.querySelector("[data-announce]");
  if (said) {
    document.getElementById("announcer").textContent = said.dataset.announce;
  }
});
