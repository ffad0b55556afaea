"""Signs and verifies callbacks with the package `standardwebhooks`.

webhooks.py SECRET ID TIMESTAMP SIGNATURE: verifies the body on standard input, then prints a
signature of its own for it.
"""

import datetime
import sys

from standardwebhooks.webhooks import Webhook

secret, name, timestamp, signature = sys.argv[1:]
body = sys.stdin.buffer.read().decode()
webhook = Webhook(secret)
headers = {"webhook-id": name, "webhook-timestamp": timestamp, "webhook-signature": signature}
webhook.verify(body, headers)
moment = datetime.datetime.fromtimestamp(int(timestamp), tz=datetime.timezone.utc)
print(webhook.sign(name, moment, body))
