/** @jsxImportSource preact */
/// <reference lib="dom" />
import { render } from "preact";
import { useState } from "preact/hooks";

function App() {
  const [n, setN] = useState(0);
  return <button type="button" class="x" onClick={() => setN(n + 1)}>{n}</button>;
}
render(<App />, document.body);
