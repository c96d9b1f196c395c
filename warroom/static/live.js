// The war room works without this file (it then reloads itself each minute); with it, blocks that changed are asked for
// and put in their place.
const live = document.getElementById("live");
if (live) {
  const EVERY = 15_000;
  const offline = document.getElementById("offline");
  let tag = live.dataset.tag;
  let answered = Date.now();
  const sources = new Map([...live.querySelectorAll("section[id]")].map((block) => [block.id, block.outerHTML]));

  // A block that is opened, or in which somebody is, stays as they left it.
  const put = (block) => {
    const before = document.getElementById(block.id);
    const told = block.outerHTML;
    if (sources.get(block.id) === told) return;
    const opened = [...before.querySelectorAll("details")].map((each) => each.open);
    block.querySelectorAll("details").forEach((each, i) => { each.open = opened[i] ?? each.open; });
    before.replaceWith(block);
    sources.set(block.id, told);
  };

  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(`${live.dataset.blocks}&since=${encodeURIComponent(tag.replaceAll('"', ""))}`, { headers: { "If-None-Match": tag } });
      if (answer.status !== 304 && !answer.ok) throw new Error(answer.status);
      answered = Date.now();
      if (answer.status === 304) return;
      tag = answer.headers.get("ETag");
      const fresh = document.createElement("template");
      fresh.innerHTML = await answer.text();
      const blocks = [...fresh.content.querySelectorAll("section[id]")];
      if (blocks.some((block) => !sources.has(block.id))) location.reload();
      else blocks.forEach(put);
    } catch {
      // said below
    } finally {
      offline.hidden = Date.now() - answered < 3 * EVERY;
    }
  };
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}
