// The login of the pages, with the real server in Chromium.

import assert from 'node:assert/strict';
import { after } from 'node:test';

import { Identities } from './support/identities.js';
import { PATIENCE, PHONE, onPage, tooSmall } from './support/on-page.js';

const TRADER = '[roles.trader]\nsubscribe = ["#"]\nhistory = ["#"]\npublish = ["chat/lobby"]\n';
const NARROW = '[roles.trader]\nsubscribe = ["market/ETH-USDT/#"]\nhistory = ["#"]\n';
const GUEST = `${TRADER}[roles.guest]\nsubscribe = ["building/#"]\nmax_rate_hz = 1.0\n[anonymous]\nrole = "guest"\n`;
const TOKEN = 'tct_the-token-of-alice';

const all = [];
/** Identities with one listed token. */
function identities(roles = TRADER) {
  const made = new Identities(roles);
  made.list(TOKEN, 'alice', 'trader');
  made.write(roles);
  all.push(made);
  return made;
}
after(() => all.forEach((made) => made.remove()));

const sees = (page, selector, pattern) =>
  page.waitForFunction(([at, source]) => {
    const found = document.querySelector(at);
    return found?.offsetParent !== null && new RegExp(source).test(found?.textContent ?? '');
  }, [selector, pattern.source], PATIENCE);

async function logIn(page, token, keep = false) {
  // The panel may open by itself at any moment, and is then in front of the button.
  await page.waitForFunction(() => {
    const isOpen = document.querySelector('dialog.login')?.open === true;
    if (!isOpen) document.querySelector('#account')?.click();
    return isOpen;
  }, undefined, PATIENCE);
  await page.fill('#login-token', token);
  if (keep !== (await page.isChecked('#login-keep'))) await page.click('#login-keep');
  await page.press('#login-token', 'Enter');
}
const hasRows = (page) => page.waitForSelector('.row:not([hidden])', PATIENCE);
const isClosed = (page) => page.waitForSelector('dialog.login', { ...PATIENCE, state: 'hidden' });
/** Everything of the page that could hold a token. */
const kept = (page) => page.evaluate(() => JSON.stringify([document.documentElement.outerHTML, location.href, { ...sessionStorage }, { ...localStorage }, document.cookie, document.querySelector('#login-token').value]));

{
  const made = identities();
  onPage('a server that wants a token gets one from the panel, which is kept only if a person wants that', { flags: made.flags }, async ({ page, messages, server }) => {
    await sees(page, '#login-problem', /This server wants a token\./);
    // The keyboard is in the field, and the panel has a name.
    assert.equal(await page.evaluate(() => document.activeElement.id), 'login-token');
    assert.equal(await page.getByRole('dialog', { name: 'Log in' }).count(), 1);
    await page.keyboard.press('Enter');
    await sees(page, '#login-problem', /Type or paste a token/);
    const place = async () => JSON.stringify(await (await page.$('#login-enter')).boundingBox());
    const before = await place();
    await logIn(page, 'tct_another');
    await sees(page, '#login-problem', /The token is unknown\./);
    assert.equal(await place(), before, 'nothing moves');
    await logIn(page, TOKEN);
    await hasRows(page);
    await isClosed(page);
    await sees(page, '#account', /^alice$/);
    assert.doesNotMatch(await kept(page), /tct_/);
    await page.reload();
    await sees(page, '#login-problem', /This server wants a token\./);
    await logIn(page, TOKEN, true);
    await hasRows(page);
    await isClosed(page);
    await page.reload();
    await hasRows(page);
    assert.ok((await page.evaluate(() => sessionStorage.getItem('tickcast.login'))).length > 0);
    await page.click('#account');
    await sees(page, '.login .who', /You are alice, with the role “trader”\./);
    await sees(page, '.login dl', /May readeverything.*May publishchat\/lobby/);
    await page.click('#login-leave');
    await sees(page, '#login-problem', /This server wants a token\./);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.doesNotMatch(messages.join('\n') + server().printed, /tct_/);
  });
}

{
  const made = identities();
  onPage('a topic that is not allowed any more says so in the list and on its chart, with reason and time', { path: '#market%2FBTC-USDT%2Ftrade', flags: made.flags }, async ({ page, server }) => {
    await logIn(page, TOKEN);
    await hasRows(page);
    await page.waitForSelector('#charts .topic >> text=market/BTC-USDT/trade', PATIENCE);
    await page.waitForFunction(() => document.querySelector('#charts .last').textContent !== '', undefined, PATIENCE);
    made.write(NARROW);
    server().reload();
    await sees(page, '.denied', /^Not allowed since \d\d:\d\d:\d\d\. Subscribing to "#" is not allowed for "alice" .*allowed: "market\/ETH-USDT\/#"\. Everything up to position [\d\s]+ was received\.$/);
    const rows = () => page.$$eval('.row:not([hidden])', (found) => found.map(({ textContent, title }) => `${textContent} ${title}`));
    const denied = (await rows()).filter((text) => text.includes('denied'));
    assert.ok(denied.length > 3);
    assert.ok(denied.every((text) => /Not allowed since \d\d:\d\d:\d\d\. Subscribing to "#" is not allowed/.test(text)), denied[0]);
    // What is allowed goes on, without another connection.
    await page.fill('#filter', 'market/ETH-USDT/trade');
    await page.waitForFunction(() => [...document.querySelectorAll('.row:not([hidden])')].every((row) => row.textContent.startsWith('market/ETH-USDT/trade') && !row.textContent.includes('denied')), undefined, PATIENCE);
    await sees(page, '#health', /Connections2/);
    // What is allowed again has no reason any more.
    made.write(TRADER);
    server().reload();
    await page.waitForFunction(() => document.querySelector('.denied').hidden, undefined, PATIENCE);
  });
}

{
  const made = identities();
  onPage('a login that ends is told in time, and a new token keeps the connection', { flags: made.flags }, async ({ page }) => {
    await logIn(page, made.sign('bob', 'trader', 25));
    await hasRows(page);
    await isClosed(page);
    await page.waitForSelector('#account.warning', PATIENCE);
    await page.click('#account');
    await sees(page, '#login-problem', /Your login ends at \d\d:\d\d:\d\d\. Log in with a new token to stay\./);
    await sees(page, '.login .who', /This login lasts for \d+ s\./);
    await logIn(page, made.sign('bob', 'trader', 3_600));
    await isClosed(page);
    await page.waitForSelector('#account:not(.warning)', PATIENCE);
    // One to check the first token, and none for the second.
    await sees(page, '#health', /Connections2/);
    // A token of another identity is refused, and says what to do.
    await logIn(page, TOKEN);
    await sees(page, '#login-problem', /This connection belongs to "bob"/);
  });
}

{
  const made = identities();
  onPage('after a login has ended, the page says so and waits for another one', { flags: made.flags }, async ({ page }) => {
    await logIn(page, made.sign('bob', 'trader', 6));
    await hasRows(page);
    await sees(page, '#state', /not connected: .*no other token yet/);
    assert.equal(await page.isVisible('dialog.login'), false, 'a person who looks at data is not interrupted');
    await page.waitForSelector('#account.warning', PATIENCE);
    await logIn(page, made.sign('bob', 'trader', 3_600));
    await sees(page, '#state', /connected · epoch/);
  });
}

{
  const made = identities(GUEST);
  onPage('a guest sees what the role allows, and a phone has room for fingers', { flags: made.flags, viewport: PHONE, hasTouch: true }, async ({ page }) => {
    await hasRows(page);
    assert.equal(await page.isVisible('dialog.login'), false);
    const topics = await page.$$eval('.row:not([hidden])', (found) => found.map(({ textContent }) => textContent));
    assert.ok(topics.every((text) => text.startsWith('building/')), topics[0]);
    await sees(page, '#account', /^Log in$/);
    await page.tap('#account');
    await sees(page, '.login .who', /Without a token you have the role “guest”/);
    await sees(page, '.login dl', /At most1 value a second/);
    assert.deepEqual(await tooSmall(page), []);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
    await logIn(page, TOKEN);
    await page.waitForFunction(() => [...document.querySelectorAll('.row:not([hidden])')].some((row) => row.textContent.startsWith('market/')), undefined, PATIENCE);
  });
}

{
  const made = identities();
  onPage('the console logs in for its chat, and says what may not be published', { path: 'try', flags: made.flags }, async ({ page, messages }) => {
    await sees(page, '#trouble', /You cannot read this room: .*send `authenticate`/);
    await page.click('#account');
    await logIn(page, TOKEN);
    await isClosed(page);
    await page.fill('#said', 'hello');
    await page.press('#said', 'Enter');
    await sees(page, '#lines', /hello/);
    await page.fill('#room', 'other');
    await page.press('#room', 'Enter');
    await page.fill('#said', 'psst');
    await page.press('#said', 'Enter');
    await sees(page, '#trouble', /The line was not sent: publishing to "chat\/other" is not allowed for "alice"/);
    // A token that is typed as a message is not in the log.
    await page.click('#open');
    await page.fill('#typed', `{"type":"authenticate","id":7,"token":"${TOKEN}"}`);
    await page.press('#typed', 'Enter');
    await sees(page, '#log', /authenticated/);
    assert.doesNotMatch(await page.textContent('#log'), /tct_/);
    assert.doesNotMatch(messages.join('\n'), /tct_/);
  });
}

onPage('a server without identities has no login', {}, async ({ page }) => {
  await hasRows(page);
  assert.equal(await page.isVisible('#account'), false);
});
