console.log('scanned')
