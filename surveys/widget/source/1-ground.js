// What everything below stands on. Natives are taken once, so that a page that replaces them later changes nothing here,
// and arrays are walked by hand: pages also replace Array.prototype.
const doc = document;
const { stringify, parse } = JSON;
const nativeFetch = window.fetch;
const later = window.setTimeout.bind(window);
const MINUTE = 60000;
const DAY = 86400000;
const SESSION = 30 * MINUTE;
const TOO_OLD = 7 * DAY;
const PATIENCE = 3000;
const MAX_KEPT = 20;

const now = () => Date.now();

function each(list, act) {
  for (let i = 0; i < list.length; i++) act(list[i], i);
}

function add(list, item) {
  list[list.length] = item;
}

function quietly(act, otherwise) {
  try {
    return act();
  } catch (error) {
    return otherwise;
  }
}

function say(text) {
  quietly(() => text && console.info("[nps-crm] " + text));
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let text = "";
  each(bytes, (byte) => { text += byte.toString(36); });
  return text;
}
