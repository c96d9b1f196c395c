// The pages work without this file; with it, the preview follows what is typed.
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
}
