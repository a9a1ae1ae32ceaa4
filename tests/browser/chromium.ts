/**
 * A real browser for tests: Chromium, without a window, driven over its own DevTools protocol. The
 * usual packages for that ask Deno for every permission there is; this needs to run one program.
 *
 * Where there is no browser a test is left out, and says so; with `CI` set that is a failure.
 */

/** Programs that will do, in the order in which they are looked for. */
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--remote-debugging-port=0",
];
const PATIENCE_MS = 15_000;

/** How a page is looked at. */
export interface Look {
  /** In CSS pixels. Default 1280. */
  readonly width?: number;
  /** In CSS pixels. Default 800. */
  readonly height?: number;
  /** A phone: touch, and its own idea of width. */
  readonly mobile?: boolean;
  /** Default light. */
  readonly scheme?: "light" | "dark";
  /** Whether the visitor wants things to stand still. */
  readonly reducedMotion?: boolean;
}

/** The path of a browser, or undefined. Needs read permission for the folders of `PATH`. */
function findProgram(): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  for (const program of PROGRAMS) {
    for (const folder of folders) {
      try {
        if (Deno.statSync(`${folder}/${program}`).isFile) return program;
      } catch {
        // Not there.
      }
    }
  }
  return undefined;
}

const PROGRAM = findProgram();

/**
 * A test with a browser. It is left out where none is installed, and fails there in CI.
 *
 * @param name what is tested
 * @param test given a new browser, which is closed at the end
 */
export function browserTest(name: string, test: (browser: Browser) => Promise<void>): void {
  const required = Deno.env.get("CI") !== undefined;
  const missing = PROGRAM === undefined;
  Deno.test({
    name: missing ? `${name} (left out: no browser, apt-get install chromium)` : name,
    ignore: missing && !required,
    // Sockets of the page close when they like.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using browser = await Browser.launch();
      await test(browser);
    },
  });
}

type Params = Readonly<Record<string, unknown>>;
type Listener = (method: string, params: Record<string, unknown>) => void;

interface Reply {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** A running browser. */
export class Browser implements AsyncDisposable {
  readonly #calls = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #listeners = new Map<string, Listener>();
  #last = 0;

  private constructor(
    private readonly process: Deno.ChildProcess,
    private readonly socket: WebSocket,
    private readonly folder: string,
  ) {
    socket.onmessage = ({ data }) => this.#told(JSON.parse(data));
  }

  /** Starts one. @throws {Error} if none is installed, or it does not start */
  static async launch(): Promise<Browser> {
    if (PROGRAM === undefined) {
      throw new Error("There is no browser to test with: apt-get install chromium");
    }
    const folder = await Deno.makeTempDir({ prefix: "chromium-" });
    const args = [...FLAGS, `--user-data-dir=${folder}`, "about:blank"];
    const process = new Deno.Command(PROGRAM, { args, stderr: "piped", stdout: "null" }).spawn();
    const socket = new WebSocket(await addressOf(process));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("The browser cannot be reached"));
    });
    return new Browser(process, socket, folder);
  }

  /** Says something to the browser, or to one of its pages. */
  async send(method: string, params: Params = {}, session?: string): Promise<Params> {
    const id = ++this.#last;
    const call = Promise.withResolvers<Record<string, unknown>>();
    this.#calls.set(id, call);
    const patience = setTimeout(() => call.reject(new Error(`${method}: no answer`)), PATIENCE_MS);
    const to = session === undefined ? {} : { sessionId: session };
    this.socket.send(JSON.stringify({ id, method, params, ...to }));
    return await call.promise.finally(() => clearTimeout(patience));
  }

  #told({ id, sessionId, method, params = {}, result, error }: Reply): void {
    if (id === undefined) return this.#listeners.get(sessionId ?? "")?.(method!, params);
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error !== undefined) call?.reject(new Error(error.message));
    else call?.resolve(result ?? {});
  }

  /** Opens a page and goes there. */
  async open(url: string, look: Look = {}): Promise<Page> {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    const target = { url: "about:blank", browserContextId };
    const { targetId } = await this.send("Target.createTarget", target);
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.send("Target.attachToTarget", attach);
    const session = sessionId as string;
    const page = new Page(this, session);
    this.#listeners.set(session, (method, params) => page.told(method, params));
    for (const domain of ["Page", "Runtime", "Log", "Network"]) {
      await this.send(`${domain}.enable`, {}, session);
    }
    await page.look(look);
    await page.goto(url);
    return page;
  }

  /** Ends it and removes what it wrote. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.send("Browser.close").catch(() => {});
    this.socket.close();
    const patience = setTimeout(() => this.process.kill("SIGKILL"), 5000);
    await this.process.status;
    clearTimeout(patience);
    // Helpers of it may still be writing.
    for (let tries = 0; tries < 20; tries++) {
      try {
        return await Deno.remove(this.folder, { recursive: true });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

/** Where it listens; it says so on standard error. */
async function addressOf(process: Deno.ChildProcess): Promise<string> {
  let said = "";
  const reader = process.stderr.pipeThrough(
    new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
  ).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The browser did not start: ${said.slice(-500)}`);
    said += value;
    const [, url] = /DevTools listening on (ws:\S+)/.exec(said) ?? [];
    if (url === undefined) continue;
    // What else it says must go somewhere, or it blocks.
    void (async () => {
      while (!(await reader.read()).done);
    })().catch(() => {});
    return url;
  }
}

/** A page. Its visitor has keyboard, mouse and eyes. */
export class Page {
  /** Errors of scripts, on the console, of the page's policy, and of requests. */
  readonly problems: string[] = [];
  /** All addresses that were asked for. */
  readonly requests: string[] = [];
  #loaded: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(private readonly browser: Browser, private readonly session: string) {}

  /** Something happened in it. */
  told(method: string, params: Record<string, unknown>): void {
    if (method === "Page.loadEventFired") this.#loaded.resolve();
    else if (method === "Network.requestWillBeSent") {
      this.requests.push((params["request"] as { url: string }).url);
    } else if (method === "Network.webSocketCreated") this.requests.push(String(params["url"]));
    else if (method === "Runtime.exceptionThrown") {
      const { exception, text } = params["exceptionDetails"] as Thrown;
      this.problems.push(exception?.description ?? text);
    } else if (method === "Runtime.consoleAPICalled" && params["type"] === "error") {
      const args = params["args"] as { value?: unknown; description?: string }[];
      this.problems.push(args.map(({ value, description }) => value ?? description).join(" "));
    } else if (method === "Log.entryAdded") {
      const { level, text, url } = params["entry"] as { level: string; text: string; url?: string };
      if (level === "error") this.problems.push(`${text} ${url ?? ""}`.trim());
    }
  }

  /** Says something to the page. */
  async send(method: string, params: Params = {}): Promise<Params> {
    return await this.browser.send(method, params, this.session);
  }

  /** Changes how it is looked at. */
  async look(look: Look): Promise<void> {
    const { width = 1280, height = 800, mobile = false } = look;
    await this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      mobile,
      deviceScaleFactor: mobile ? 2 : 1,
    });
    const reduced = look.reducedMotion ? "reduce" : "no-preference";
    await this.send("Emulation.setEmulatedMedia", {
      features: [
        { name: "prefers-color-scheme", value: look.scheme ?? "light" },
        { name: "prefers-reduced-motion", value: reduced },
      ],
    });
  }

  /** Goes somewhere and waits until that is loaded. */
  async goto(url: string): Promise<void> {
    this.#loaded = Promise.withResolvers();
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`Cannot open ${url}: ${errorText}`);
    await this.#loaded.promise;
  }

  /** The value of an expression in the page; promises are waited for. Must survive JSON. */
  async evaluate<T = unknown>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    }) as { result: { value: T }; exceptionDetails?: Thrown };
    if (exceptionDetails === undefined) return result.value;
    const { exception, text } = exceptionDetails;
    throw new Error(`${expression.slice(0, 200)}: ${exception?.description ?? text}`);
  }

  /** Waits until an expression is true, and answers with its value. @throws {Error} if it never is */
  async until<T = unknown>(expression: string, patienceMs = PATIENCE_MS): Promise<T> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const value = await this.evaluate<T>(expression);
      if (value) return value;
      if (performance.now() > deadline) {
        const text = await this.evaluate<string>("document.body.innerText.slice(0, 1500)");
        const problems = this.problems.join("\n");
        throw new Error(`It never was: ${expression}\nThe page says:\n${text}\n${problems}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** The text of the first element of a selector, once there is one. */
  async text(selector: string): Promise<string> {
    return await this.until<string>(
      `document.querySelector(${JSON.stringify(selector)})?.innerText`,
    );
  }

  /** Clicks on the middle of the first element of a selector, once it is there. */
  async click(selector: string): Promise<void> {
    const point = await this.until<{ x: number; y: number }>(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      if (!element) return;
      element.scrollIntoView({ block: "nearest", inline: "nearest" });
      const { x, y, width, height } = element.getBoundingClientRect();
      return width > 0 && { x: x + width / 2, y: y + height / 2 };
    })()`);
    const mouse = { ...point, button: "left", clickCount: 1 };
    await this.send("Input.dispatchMouseEvent", { type: "mousePressed", ...mouse });
    await this.send("Input.dispatchMouseEvent", { type: "mouseReleased", ...mouse });
  }

  /** Types text into what has the focus. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** Presses a key, by its name: `Enter`, `Tab`, `ArrowDown`, `a`. */
  async press(key: string): Promise<void> {
    const windowsVirtualKeyCode = KEY_CODES[key] ?? key.toUpperCase().charCodeAt(0);
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    const event = {
      key,
      code: key,
      windowsVirtualKeyCode,
      ...(text === undefined ? {} : { text }),
    };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** A picture of what is seen, as PNG. */
  async screenshot(file: string): Promise<void> {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    await Deno.writeFile(file, Uint8Array.fromBase64(data as string));
  }
}

interface Thrown {
  readonly text: string;
  readonly exception?: { readonly description?: string };
}

const KEY_CODES: Readonly<Record<string, number>> = {
  Enter: 13,
  Tab: 9,
  Escape: 27,
  " ": 32,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
  Home: 36,
  End: 35,
};
