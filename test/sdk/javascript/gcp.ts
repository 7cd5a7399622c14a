import { GoogleAuth } from 'google-auth-library';

const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' });
const answer = await auth.request<string>({ url: `${process.env['SECRET_URL']}` });
process.stdout.write(answer.data);
