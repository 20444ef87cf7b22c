// VS Code in a headless browser: what every script that drives it needs.
//   node SCRIPT URL FOLDER-OF-SCREENSHOTS, in the folder that holds playwright-core; prints one JSON line.
import { createRequire } from "node:module";
const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");

export const [, , url, shots, ...more] = process.argv;
export const ROW = ".quick-input-list .monaco-list-row";
export const TOAST = ".notification-toast";

/** Opens VS Code, lets `act` see it, and prints the facts that it gathered; a failure leaves a picture. */
export async function session(name, act, size = { width: 1280, height: 800 }) {
  const flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"];
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags });
  const page = await browser.newPage({ viewport: size });
  const seen = {};
  try {
    await page.goto(url);
    await page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
    await act(new Window(page), seen);
  } catch (error) {
    await page.screenshot({ path: `${shots}/vscode-${name}-failed.png` });
    seen.error = String(error);
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(seen));
}

class Window {
  constructor(page) {
    this.page = page;
  }

  texts(selector) {
    return this.page.evaluate((s) => [...document.querySelectorAll(s)].map((e) => e.textContent.trim()), selector);
  }

  waitForText(selector, text, timeout = 60_000) {
    return this.page.waitForFunction(
      ([s, t]) => [...document.querySelectorAll(s)].some((e) => e.textContent.includes(t)),
      [selector, text],
      { timeout },
    );
  }

  /** The first text of `selector` that matches, as soon as there is one. */
  async waitForMatch(selector, pattern, timeout = 60_000) {
    const found = await this.page.waitForFunction(
      ([s, p]) =>
        [...document.querySelectorAll(s)].map((e) => e.textContent.trim()).find((text) => new RegExp(p).test(text)),
      [selector, pattern],
      { timeout },
    );
    return found.jsonValue();
  }

  async command(title) {
    await this.page.keyboard.press("F1");
    // The widget of an earlier list stays in the page, hidden: wait until this one listens.
    await this.page.waitForFunction(() => {
      const focused = document.activeElement;
      return focused?.closest(".quick-input-widget") && focused.value?.startsWith(">");
    });
    await this.page.keyboard.type(title);
    await this.waitForText(ROW, title);
    await this.page.keyboard.press("Enter");
  }

  /** Opens the list that searches while one types. */
  async openSearch() {
    await this.page.keyboard.press("Control+Alt+f");
    await this.page.waitForFunction(() => {
      const focused = document.activeElement;
      return focused?.closest(".quick-input-widget") && focused.placeholder?.startsWith("Describe");
    });
  }

  async press(label) {
    await this.page.click(`${TOAST} .monaco-button:has-text("${label}")`);
  }

  async consent() {
    await this.waitForText(TOAST, "can index this workspace");
    await this.press("Index This Workspace");
  }

  shot(name) {
    return this.page.screenshot({ path: `${shots}/vscode-${name}.png` });
  }
}
