/**
 * A real browser for tests: Chromium without a window, driven by playwright-core, which asks Deno for
 * every permission there is: the tests of this folder are run apart, with `--allow-all`.
 *
 * Where there is no browser a test is left out, and says so; with `CI` set that is a failure.
 */
import { type Browser as Chromium, chromium, type Page as Tab } from "playwright-core";

/** Programs that will do, in the order in which they are looked for. */
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PATIENCE_MS = 30_000;

/** How a page is looked at. */
export interface Look {
  /** In CSS pixels. Default 1280. */
  readonly width?: number;
  /** In CSS pixels. Default 800. */
  readonly height?: number;
  /** A phone: touch, and its own idea of width; for as long as the page lives. */
  readonly mobile?: boolean;
  /** Default light. */
  readonly scheme?: "light" | "dark";
  /** Whether the visitor wants things to stand still. */
  readonly reducedMotion?: boolean;
}

/** The path of a browser, or undefined. */
function findProgram(): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const paths = PROGRAMS.flatMap((program) => folders.map((folder) => `${folder}/${program}`));
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
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

/** A running browser. */
export class Browser implements AsyncDisposable {
  private constructor(private readonly chromium: Chromium) {}

  /** Whether one is installed. */
  static get installed(): boolean {
    return PROGRAM !== undefined;
  }

  /** Starts one. @throws {Error} if none is installed, or it does not start */
  static async launch(): Promise<Browser> {
    if (PROGRAM === undefined) {
      throw new Error("There is no browser to test with: apt-get install chromium");
    }
    return new Browser(await chromium.launch({ executablePath: PROGRAM, args: ARGS }));
  }

  /**
   * Opens a page, with a memory of its own, and goes there.
   *
   * @param script run in the page before its own
   */
  async open(url: string, look: Look = {}, script?: string): Promise<Page> {
    const { mobile = false } = look;
    const context = await this.chromium.newContext({
      isMobile: mobile,
      hasTouch: mobile,
      deviceScaleFactor: mobile ? 2 : 1,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    if (script !== undefined) await context.addInitScript(script);
    const page = new Page(await context.newPage());
    await page.look(look);
    await page.goto(url);
    return page;
  }

  /** Ends it and removes what it wrote. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.chromium.close();
  }
}

/** A page. Its visitor has keyboard, mouse and eyes. */
export class Page {
  /** Errors of scripts, on the console, of the page's policy, and of requests. */
  readonly problems: string[] = [];
  /** All addresses that were asked for. */
  readonly requests: string[] = [];

  constructor(private readonly tab: Tab) {
    tab.on("pageerror", (error) => this.problems.push(String(error)));
    tab.on("console", (message) => {
      if (message.type() !== "error") return;
      this.problems.push(`${message.text()} ${message.location().url}`.trim());
    });
    tab.on("request", (request) => this.requests.push(request.url()));
    tab.on("websocket", (socket) => this.requests.push(socket.url()));
  }

  /** Changes how it is looked at. */
  async look({ width = 1280, height = 800, scheme, reducedMotion }: Look): Promise<void> {
    await this.tab.setViewportSize({ width, height });
    await this.tab.emulateMedia({
      colorScheme: scheme ?? "light",
      reducedMotion: reducedMotion ? "reduce" : "no-preference",
    });
  }

  /** Goes somewhere and waits until that is loaded. */
  async goto(url: string): Promise<void> {
    await this.tab.goto(url);
  }

  /** The value of an expression in the page; promises are waited for. Must survive JSON. */
  async evaluate<T = unknown>(expression: string): Promise<T> {
    return await this.tab.evaluate(expression) as T;
  }

  /** Waits until an expression is true, and answers with its value. @throws {Error} if it never is */
  async until<T = unknown>(expression: string, patienceMs = PATIENCE_MS): Promise<T> {
    // Not playwright's own way to wait: it does not say what there is instead.
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
    return await this.tab.locator(selector).first().innerText();
  }

  /** Clicks on the first element of a selector, once it can be. */
  async click(selector: string): Promise<void> {
    await this.tab.locator(selector).first().click();
  }

  /** Types text into what has the focus. */
  async type(text: string): Promise<void> {
    await this.tab.keyboard.insertText(text);
  }

  /** Presses a key, by its name: `Enter`, `Tab`, `ArrowDown`, `a`. */
  async press(key: string): Promise<void> {
    await this.tab.keyboard.press(key);
  }

  /** A picture of what is seen, as PNG. */
  async screenshot(file: string): Promise<void> {
    await this.tab.screenshot({ path: file });
  }
}
