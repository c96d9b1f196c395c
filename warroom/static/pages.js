// The pages work without this file; with it, the preview follows what is typed, what is wrong with a field is said
// beside it as soon as it is left (on a phone: as soon as it is picked) instead of when the plan is sent, and what was
// typed outlives a lost connection; in a plan also a way back and a page that expired.
const form = document.querySelector("form[data-preview]");
if (form) {
  const preview = document.getElementById("preview");
  let waiting;
  let asked = 0;
  const ask = async () => {
    const mine = ++asked;
    const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form) }).catch(() => null);
    if (!answer?.ok || mine !== asked) return;
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
    for (const field of form.elements) {
      if (field.id && field.name) say(field, unfinished(field) || (wrong[field.name] ?? ""));
    }
  };
  // A day without its hour is nothing to whoever reads the form, but not to whoever typed it.
  const unfinished = (field) => (field.validity.badInput ? field.validationMessage : "");
  // What is still being typed is not complained about; what was said of a field goes as soon as it is right.
  const say = (field, text) => {
    const before = document.getElementById(`${field.id}-wrong`);
    if ((before?.textContent ?? "") === text) return;
    if (!field.value.trim() && !unfinished(field) && !before?.hasAttribute("role")) return; // to be filled in, as the page says
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
  form.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), true);

  // What is typed is kept in this tab until it is saved, and offered where the form is opened anew without it.
  const action = form.getAttribute("action"); // a button is called `action` too
  const drawer = `draft ${action}`;
  const keep = (sent) => {
    const entries = [...new FormData(form)].filter(([name]) => name !== "form_token");
    sessionStorage.setItem(drawer, JSON.stringify({ at: Date.now(), sent, entries }));
  };
  form.addEventListener("input", () => keep(false));
  const kept = JSON.parse(sessionStorage.getItem(drawer) ?? "null");
  const offer = document.getElementById("draft");
  if (kept?.sent && document.querySelector(".note.good")) sessionStorage.removeItem(drawer);
  else if (kept && "fresh" in form.dataset) {
    const said = offer.querySelector("[data-said]");
    const at = new Date(kept.at).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
    said.textContent = said.dataset.said.replace("{at}", at);
    offer.hidden = false;
    offer.querySelector("[data-act=drop]").addEventListener("click", () => {
      sessionStorage.removeItem(drawer);
      offer.hidden = true;
    });
    offer.querySelector("[data-act=back]").addEventListener("click", () => {
      const again = Object.assign(document.createElement("form"), { method: "post", action });
      const told = { form_token: form.elements.form_token.value, action: "preview" };
      for (const [name, value] of [...kept.entries, ...Object.entries(told)]) {
        again.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      }
      document.body.append(again);
      again.submit();
    });
  }

  form.addEventListener("submit", () => keep(true));
}

// Nothing is sent into the void: a page of the browser's own would take the place of what was typed.
const unanswered = document.getElementById("no-connection");
const PATIENCE_MS = 8000;
for (const post of document.querySelectorAll("form[data-typed]")) {
  let asking = false;
  let going = false;
  post.addEventListener("submit", async (event) => {
    if (going) return;
    event.preventDefault();
    if (asking) return;
    asking = true;
    const { submitter } = event;
    const { src } = document.querySelector("script[src]");
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(src, { method: "HEAD", cache: "no-store", signal }).catch(() => null);
    asking = false;
    submitter?.closest(".actions, p, form").before(unanswered);
    unanswered.hidden = Boolean(answer?.ok);
    if (!answer?.ok) {
      unanswered.scrollIntoView({ block: "nearest" });
      return;
    }
    going = true;
    post.requestSubmit(submitter);
    going = false;
  });
}
