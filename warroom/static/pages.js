// The pages work without this file; with it, the preview follows what is typed, and what is wrong with a field is said
// beside it as soon as it is left (on a phone: as soon as it is picked) instead of when the plan is sent.
const form = document.querySelector("form[data-preview]");
if (form) {
  const preview = document.getElementById("preview");
  let waiting;
  let asked = 0;
  const ask = async () => {
    const mine = ++asked;
    const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form) });
    if (!answer.ok || mine !== asked) return;
    preview.innerHTML = await answer.text();
    later();
  };
  // What is still being learned is asked for again until it is there.
  const later = () => {
    const again = preview.querySelector("[data-again]");
    if (!again) return;
    clearTimeout(waiting);
    waiting = setTimeout(ask, 1000 * again.dataset.again);
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 600);
  });
  later();

  const picked = matchMedia("(pointer: coarse)").matches;
  let seen = "";
  let wrong = {};
  const look = async () => {
    const now = new FormData(form);
    const entries = new URLSearchParams(now).toString();
    if (entries !== seen) {
      seen = entries;
      const answer = await fetch(form.dataset.problems, { method: "POST", body: now }).catch(() => null);
      if (entries !== seen) return; // somebody typed on, and asked again
      if (!answer?.ok) {
        seen = "";
        return;
      }
      wrong = await answer.json();
    }
    for (const field of form.elements) if (field.id && field.name) say(field, wrong[field.name] ?? "");
  };
  // What is still being typed is not complained about; what was said of a field goes as soon as it is right.
  const say = (field, text) => {
    const before = document.getElementById(`${field.id}-wrong`);
    if ((before?.textContent ?? "") === text) return;
    if (!field.value.trim() && !before?.hasAttribute("role")) return; // to be filled in, as the page says
    if (!before && !picked && field === document.activeElement) return;
    before?.remove();
    field.classList.toggle("has-wrong", text !== "");
    field.removeAttribute("aria-describedby");
    if (text === "") return;
    const said = document.createElement("span");
    said.id = `${field.id}-wrong`;
    said.className = "wrong";
    said.textContent = text;
    said.setAttribute("role", "alert");
    field.setAttribute("aria-describedby", said.id);
    field.before(said);
  };
  form.addEventListener("focusout", look);
  if (picked) form.addEventListener("change", look);
}
