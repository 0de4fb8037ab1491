// Compiled, never run: a program that uses the declarations.

import { Client, ServerError, Subscription, type SubscriptionEvent, type Token } from '../../index.js';

export async function use(): Promise<Token | undefined> {
  const client = new Client('ws://localhost:7400/ws', { encoding: 'json', WebSocket });
  client.addEventListener('status', ({ detail }) => {
    if (detail.status === 'waiting') console.log(detail.delay_ms.toFixed(), detail.code);
  });
  client.addEventListener('close', ({ detail }) => console.log(detail.reason));

  const handle = (event: SubscriptionEvent): number => {
    switch (event.type) {
      case 'batch':
        return event.updates.length;
      case 'gap':
        return event.lost ?? NaN;
      case 'reset':
        return event.reason.length;
      case 'truncated':
        return event.lost ?? event.position - event.kept;
      case 'status':
        return event.statuses.filter(({ status }) => status !== 'live').length;
    }
  };
  const called: Subscription = client.subscribe('market/#', { mode: 'every' }, handle);
  client.subscribe('home/#', handle);

  for await (const event of client.subscribe('lab/#')) {
    if (event.type !== 'batch') continue;
    for (const { value, ingest_time_ns } of event.updates) {
      const age_ns: bigint = client.serverNow() - ingest_time_ns;
      if ('trade' in value) console.log(value.trade.price.length, age_ns);
      if ('quote' in value) console.log(value.quote.bid?.length, value.quote.ask?.length);
      if ('absent' in value) console.log(value.absent.length);
    }
  }

  try {
    const position: number = await client.publish({ topic: 'lab/note', value: { text: 'tare' } });
    const nothing: undefined = await client.publish([], { ack: false });
    console.log(position, nothing);
    const { updates, more } = await client.history('lab/note', { limit: 100, before: position });
    const { rows, candles } = await client.candles('lab/scale', '15m', { before_ns: 5n });
    console.log(rows.length, candles[0]?.open.length);
    console.log(updates.length, more, called.statusOf('lab/note'));
  } catch (error) {
    if (error instanceof ServerError && error.temporary) console.log(error.retry_after_ms);
  }

  void client.publish([
    { topic: 'a', value: { quote: { ask: '25.3652' } } },
    { topic: 'a', value: { absent: 'unavailable' } },
  ]);
  // @ts-expect-error a quote has no other members
  void client.publish({ topic: 'a', value: { quote: { price: '1' } } });
  // @ts-expect-error decimals are strings
  void client.publish({ topic: 'a', value: { trade: { price: 1.5, size: '1' } } });
  // @ts-expect-error times are BigInts
  void client.publish({ topic: 'a', value: { text: '' }, source_time_ns: 5 });
  // @ts-expect-error there is no such interval
  void client.candles('a', '2m');
  // @ts-expect-error only a client creates subscriptions
  new Subscription();
  return called.token;
}
