// What a browser remembers: one entry of localStorage. Where that is blocked or full, this page remembers it alone.
function memoryOf(key) {
  const place = "nps-crm:" + key;
  let kept = {};

  function read() {
    const found = quietly(() => parse(localStorage.getItem(place)));
    if (found && typeof found === "object") kept = found;
    return kept;
  }

  // Read anew before every change: another tab may have written.
  function change(act) {
    act(read());
    quietly(() => localStorage.setItem(place, stringify(kept)));
  }

  function visitor() {
    if (!read().visitor) change((it) => { it.visitor = randomId(); });
    return kept.visitor;
  }

  // All tabs share a session; it ends after half an hour without a sign of life.
  function session() {
    const it = read();
    if (!it.session || !(now() - it.alive < SESSION)) {
      change((fresh) => { fresh.session = randomId(); fresh.events = []; fresh.alive = now(); });
    } else if (now() - it.alive > MINUTE) {
      change((same) => { same.alive = now(); });
    }
    return kept.session;
  }

  return { read, change, visitor, session };
}
