// Loaded beside a server (node --import): tells the bench what the process has cost so far and does nothing else.
process.on('message', () => process.send?.(process.cpuUsage()));
process.channel?.unref();
