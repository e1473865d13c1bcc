// Follows a one-time link in a browser, signs in at the authorization server of
// authorization-server.mjs, agrees, and says where that led. Its arguments are the browser and the link.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.cwd()}/`);
const { chromium } = (await import(pathToFileURL(require.resolve('playwright-core')).href)).default;

const [executablePath, link] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();
const blocked = [];
page.on('console', (message) => {
  if (message.text().includes('Content Security Policy') && page.url().includes('/oauth/callback')) {
    blocked.push(message.text());
  }
});
await page.goto(link);
await page.fill('input[name=login]', 'ada');
await page.fill('input[name=password]', 'x');
await page.click('button[type=submit]');
await page.waitForSelector('input[name=prompt][value=consent]', { state: 'attached' });
await page.click('button[type=submit]');
await page.waitForURL(/\/oauth\/callback/);
console.log(JSON.stringify({ title: await page.title(), blocked }));
await browser.close();
