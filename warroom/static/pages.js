// The pages work without this file; with it, the preview follows what is typed.
const form = document.querySelector("form[data-preview]");
if (form) {
  let waiting;
  let asked = 0;
  const ask = async () => {
    const mine = ++asked;
    const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form) });
    if (!answer.ok || mine !== asked) return;
    document.getElementById("preview").innerHTML = await answer.text();
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 600);
  });
}
