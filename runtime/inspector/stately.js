// Hands on what the inspection protocol tells to the hosted inspector, once that says it is there.
const HOSTED = "https://stately.ai";
const state = document.querySelector("#state");
let hosted, socket, sent = 0;
let waiting = [];
let ready = false;

function pass(event) {
  if (!ready) return waiting.push(event);
  hosted.postMessage(event, HOSTED);
  state.textContent = `${++sent} events sent.`;
}

function connect() {
  const query = location.search;
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws${query}`);
  socket.onmessage = ({ data }) => pass(JSON.parse(data));
  socket.onclose = ({ reason }) => state.textContent = `Disconnected. ${reason}`;
}

globalThis.addEventListener("message", ({ origin, data, source }) => {
  if (origin !== HOSTED || source !== hosted || data?.type !== "@statelyai.connected") return;
  ready = true;
  for (const event of waiting.splice(0)) pass(event);
});

document.querySelector("#open").addEventListener("click", () => {
  ready = false;
  waiting = [];
  socket?.close();
  hosted = globalThis.open(`${HOSTED}/inspect`, "xstateinspector");
  state.textContent = hosted ? "Waiting for it to answer…" : "The browser blocked the window.";
  if (hosted) connect();
});
